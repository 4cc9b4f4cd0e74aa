package newsroom

// Site is what the frame of every public page shows: who publishes, how to reach them, and the sections.
type Site struct {
	Office   OfficeInfo
	Sections []Section // in the office's order, retired ones left out
	Hotlines []Hotline
	Notices  string // section whose articles are shown as notices; "" none
	Version  int64  // grows with every public change
}

// Section finds the section with that id among those shown; a retired or unknown one is named by its id.
func (s Site) Section(id string) Section {
	for _, one := range s.Sections {
		if one.ID == id {
			return one
		}
	}
	return Section{ID: id, NameVI: id, Retired: true}
}

// Hotline (Đường dây nóng) is a number that citizens may call.
type Hotline struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}
