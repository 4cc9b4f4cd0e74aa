package text

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// onsets and rimes that Vietnamese spelling knows; tones apart.
var (
	onsets = set("b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x")
	rimes  = set(`a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây
		e ec em en eng eo ep et ê êch êm ên ênh êp êt êu êng i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip it iu
		o oa oac oach oai oam oan oang oanh oao oap oat oay oăc oăm oăn oăng oăp oăt oc oe oen oeo oet oi om on ong oong ooc op ot
		ô ôc ôi ôm ôn ông ôp ôt ôông ôôc ơ ơi ơm ơn ơp ơt ơng u ua uân uâng uât uây uc uê uêch uên uênh ui um un ung uôc uôi uôm uôn
		uông uôt uơ up ut uy uya uych uyên uyêt uynh uyt uyn uyu uyp uyê uao ư ưa ưc ưi ưm ưn ưng ươc ươi ươm ươn ương ươp ươt ươu ưt ưu
		y yên yêm yêt yêu ynh yt ych yn yp`)
	stopped = []string{"c", "ch", "p", "t"} // ends that allow the tones sắc and nặng only
)

// syllable says whether word is spelt like one Vietnamese syllable, in either case and either place of the tone mark.
func syllable(word string) bool {
	var bare strings.Builder
	tone := rune(0)
	for _, r := range norm.NFD.String(strings.ToLower(word)) {
		switch r {
		case 0x300, 0x301, 0x303, 0x309, 0x323: // huyền, sắc, ngã, hỏi, nặng
			if tone != 0 {
				return false
			}
			tone = r
		default:
			bare.WriteRune(r)
		}
	}
	letters := norm.NFC.String(bare.String())
	for _, size := range []int{3, 2, 1, 0} {
		if len(letters) < size {
			continue
		}
		onset, rime := letters[:size], letters[size:]
		if strings.HasPrefix(letters, "đ") && size == 2 {
			onset, rime = "đ", letters[len("đ"):]
		}
		if onset != "" && !onsets[onset] || !spelling(onset, rime) {
			continue
		}
		for _, end := range stopped {
			if strings.HasSuffix(rime, end) {
				return tone == 0x301 || tone == 0x323
			}
		}
		return true
	}
	return letters == "gi" || letters == "gin" // gì, gìn: the i counts twice
}

// spelling says whether rime is one, and the onset is written the way it is before that vowel.
func spelling(onset, rime string) bool {
	if !rimes[rime] {
		return false
	}
	front := strings.HasPrefix(rime, "i") || strings.HasPrefix(rime, "e") || strings.HasPrefix(rime, "ê") || strings.HasPrefix(rime, "y")
	switch onset {
	case "k", "gh", "ngh":
		return front
	case "c", "g", "ng":
		return !front
	case "qu":
		return !strings.HasPrefix(rime, "u") && !strings.HasPrefix(rime, "o") && !strings.HasPrefix(rime, "ư")
	}
	return true
}
