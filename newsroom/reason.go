package newsroom

import "slices"

// ReasonCode says why something was refused, returned or taken away (QĐ 588/QĐ-BNV 2024 art. 3.9).
type ReasonCode string

const (
	ReasonOutOfScope          ReasonCode = "out_of_scope"            // ngoài phạm vi chức năng
	ReasonAgainstPolicyOrLaw  ReasonCode = "against_policy_or_law"   // không phù hợp chủ trương, pháp luật
	ReasonStateSecret         ReasonCode = "state_secret"            // bí mật nhà nước
	ReasonUnverified          ReasonCode = "unverified_or_no_source" // chưa được phổ biến, không đúng sự thật, không rõ nguồn
	ReasonDuplicate           ReasonCode = "duplicate"               // trùng lặp
	ReasonPendingVerification ReasonCode = "pending_verification"    // đang xác thực lại
	ReasonQuality             ReasonCode = "quality"                 // không bảo đảm chất lượng
	ReasonOther               ReasonCode = "other"                   // needs a text
)

// ReasonCodes lists the codes in the order of the decision.
var ReasonCodes = []ReasonCode{
	ReasonOutOfScope, ReasonAgainstPolicyOrLaw, ReasonStateSecret, ReasonUnverified,
	ReasonDuplicate, ReasonPendingVerification, ReasonQuality, ReasonOther,
}

// Known reports whether c is one of ReasonCodes.
func (c ReasonCode) Known() bool { return slices.Contains(ReasonCodes, c) }
