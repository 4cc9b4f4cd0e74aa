package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/internal/media"
	"toasoan/newsroom"
)

// apiMedia is what taking uploads asks of the database.
type apiMedia interface {
	Media(ctx context.Context, sha string) (newsroom.Media, error)
	Variants(ctx context.Context, sha string) ([]newsroom.MediaVariant, error)
	SavePicture(ctx context.Context, m newsroom.Media, variants []newsroom.MediaVariant) error
	SaveFile(ctx context.Context, m newsroom.Media, data []byte) error
}

// uploadBytes bounds an upload with its form around it.
const uploadBytes = media.MaxAttachment + 64<<10

type (
	apiUploadIn struct {
		RawBody huma.MultipartFormFiles[struct {
			File huma.FormFile `form:"file" contentType:"application/octet-stream" required:"true" doc:"A JPEG, PNG, GIF or WebP of at most 15 MB, or a document (PDF, Office, OpenDocument, text) of at most 25 MB. What it is, its content says."`
		}]
	}
	apiUpload struct {
		SHA    string       `json:"sha" doc:"sha256 of the uploaded bytes, hex: how articles name it."`
		Kind   string       `json:"kind" enum:"image,file"`
		Name   string       `json:"name"`
		MIME   string       `json:"mime"`
		Width  int          `json:"width" doc:"Pixels; 0 for documents."`
		Height int          `json:"height"`
		Size   int64        `json:"size" doc:"Bytes as uploaded."`
		URLs   []apiVariant `json:"urls" doc:"The sizes of a picture, ascending. A document has its address once an article is published."`
	}
	apiVariant struct {
		Width int    `json:"width"`
		URL   string `json:"url"`
	}
	apiUploadOut struct {
		Body apiUpload
	}
)

func (s *Server) apiMediaVerbs() {
	apiDo(s, apiVerb{
		id: "uploadMedia", method: http.MethodPost, path: "/media", tag: "media", summary: "Upload a picture or a document.",
		doc:    "Pictures are made anew from their pixels: no metadata, no place, no second format survives. An upload is named by its content, so the same one again changes nothing.",
		scopes: []newsroom.Scope{newsroom.ScopeWrite}, status: http.StatusCreated, body: uploadBytes, long: true,
		errors: []int{http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity},
	}, s.apiUploadMedia)
}

func (s *Server) apiUploadMedia(ctx context.Context, me caller, in *apiUploadIn) (*apiUploadOut, error) {
	if !me.Writes() {
		return nil, newsroom.ErrForbidden
	}
	file := in.RawBody.Data().File
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	sum := sha256.Sum256(data)
	sha := hex.EncodeToString(sum[:])
	m, err := s.Store.Media(ctx, sha)
	if errors.Is(err, newsroom.ErrNotFound) {
		m, err = s.apiTakeUpload(ctx, me.ID, file.Filename, data)
	}
	if err != nil {
		return nil, err
	}
	out := &apiUploadOut{Body: apiUpload{
		SHA: m.SHA, Kind: m.Kind, Name: m.Name, MIME: m.MIME, Width: m.Width, Height: m.Height, Size: m.Size, URLs: []apiVariant{},
	}}
	variants, err := s.Store.Variants(ctx, sha)
	if err != nil {
		return nil, err
	}
	for _, v := range variants {
		out.Body.URLs = append(out.Body.URLs, apiVariant{Width: v.Width, URL: fmt.Sprintf("/anh/%s-%d.%s", sha, v.Width, v.Ext)})
	}
	return out, nil
}

// apiTakeUpload keeps an upload as what its content says it is; *media.RefusedError when it is nothing that may be kept.
func (s *Server) apiTakeUpload(ctx context.Context, by, name string, data []byte) (newsroom.Media, error) {
	if strings.HasPrefix(http.DetectContentType(data), "image/") || len(data) == 0 {
		return s.apiTakePicture(ctx, by, name, data)
	}
	f, err := media.Attachment(bytes.NewReader(data), name)
	if err != nil {
		return newsroom.Media{}, err
	}
	m := newsroom.Media{SHA: f.SHA256, Kind: "file", Name: f.Name, MIME: f.MIME, Size: int64(len(data)), CreatedBy: by}
	return m, s.Store.SaveFile(ctx, m, f.Bytes)
}

func (s *Server) apiTakePicture(ctx context.Context, by, name string, data []byte) (newsroom.Media, error) {
	picture, err := media.Decode(bytes.NewReader(data), media.MaxPicture)
	if err != nil {
		return newsroom.Media{}, err
	}
	made, err := media.Variants(picture)
	if err != nil {
		return newsroom.Media{}, err
	}
	variants := make([]newsroom.MediaVariant, len(made))
	for i, v := range made {
		variants[i] = newsroom.MediaVariant{Width: v.Width, Ext: v.Ext, MIME: v.MIME, Bytes: v.Bytes}
	}
	m := newsroom.Media{
		SHA: picture.SHA256, Kind: "image", Name: media.SafeName(name, "."+picture.Format), MIME: "image/" + picture.Format,
		Width: picture.Width, Height: picture.Height, Size: int64(len(data)), CreatedBy: by,
	}
	return m, s.Store.SavePicture(ctx, m, variants)
}
