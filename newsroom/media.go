package newsroom

import "time"

// Media is a stored upload, named by the sha256 of its bytes.
type Media struct {
	SHA       string
	Kind      string // image | file
	Name      string
	MIME      string
	Width     int // pixels; 0 for files
	Height    int
	Size      int64 // bytes as uploaded
	CreatedBy string
	CreatedAt time.Time
}

// MediaVariant is one re-encoded size of a picture: the only form in which its pixels are kept.
type MediaVariant struct {
	Width int
	Ext   string // webp, jpg, png
	MIME  string
	Bytes []byte
}
