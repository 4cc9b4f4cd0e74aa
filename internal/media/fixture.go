package media

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Motif names what a drawn demo picture shows.
type Motif string

// The motifs of the demo content.
const (
	Signing        Motif = "signing"         // an agreement is signed at a table with flags
	VillageRoad    Motif = "village_road"    // a new concrete road with flowers
	RiceField      Motif = "rice_field"      // paddies before hills
	School         Motif = "school"          // a school yard at the flag salute
	CommunityHouse Motif = "community_house" // a hamlet's culture house
	TreePlanting   Motif = "tree_planting"   // young people plant saplings
	ServiceDesk    Motif = "service_desk"    // the one-stop desk with its screens
	River          Motif = "river"           // a river at dusk with boats
	Meeting        Motif = "meeting"         // a conference hall from behind the audience
)

// Motifs lists them all.
func Motifs() []Motif {
	return []Motif{Signing, VillageRoad, RiceField, School, CommunityHouse, TreePlanting, ServiceDesk, River, Meeting}
}

var scenes = map[Motif]func(*canvas){
	Signing: signing, VillageRoad: villageRoad, RiceField: riceField, School: school, CommunityHouse: communityHouse,
	TreePlanting: treePlanting, ServiceDesk: serviceDesk, River: river, Meeting: meeting,
}

// Fixture draws a picture for demo content as a JPEG: the same motif, seed and size give the same bytes each time, each
// seed another scene. No real person or place is shown. Sizes are kept within 64 and 4000 pixels a side; an unknown
// motif is a rice field.
func Fixture(motif Motif, seed uint64, width, height int) []byte {
	c := newCanvas(max(64, min(width, 4000)), max(64, min(height, 4000)), seed)
	scene, ok := scenes[motif]
	if !ok {
		scene = riceField
	}
	scene(c)
	return c.develop()
}

// MotifFor picks the motif that suits a Vietnamese caption, a rice field where none does.
func MotifFor(caption string) Motif {
	caption = strings.ToLower(norm.NFC.String(caption))
	for _, m := range []struct {
		motif Motif
		words string
	}{
		{Signing, "ký kết|lễ ký|trao"},
		{TreePlanting, "trồng cây|cây xanh|tết trồng"},
		{ServiceDesk, "một cửa|dịch vụ công|chuyển đổi số|hành chính|căn cước"},
		{School, "trường|học sinh|khai giảng|giáo viên|lớp học"},
		{Meeting, "hội nghị|đại hội|họp|tập huấn|tuyên truyền"},
		{CommunityHouse, "nhà văn hóa|đình|trụ sở|ấp|khu phố"},
		{VillageRoad, "đường|bê tông|giao thông|hoa"},
		{River, "sông|thuyền|kênh|cầu|chợ nổi"},
	} {
		for word := range strings.SplitSeq(m.words, "|") {
			if strings.Contains(caption, word) {
				return m.motif
			}
		}
	}
	return RiceField
}
