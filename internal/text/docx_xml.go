package text

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// node is an XML element without its name space.
type node struct {
	name  string
	attrs []xml.Attr
	text  []byte
	kids  []*node
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// find is the first element of that name below n, in reading order.
func (n *node) find(name string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
		if found := kid.find(name); found != nil {
			return found
		}
	}
	return nil
}

// kid is the first direct child of that name.
func (n *node) kid(name string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
	}
	return nil
}

func (n *node) children() []*node {
	if n == nil {
		return nil
	}
	return n.kids
}

func (n *node) orEmpty() *node {
	if n == nil {
		return &node{}
	}
	return n
}

func unpack(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, limit+1)) // never believe the size that the archive declares
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
	}
	if int64(len(data)) > limit {
		return nil, ErrDocxTooLarge
	}
	return data, nil
}

func readPart(f *zip.File) (*node, error) {
	data, err := unpack(f, maxDocxXML)
	if err != nil {
		return nil, err
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	root := &node{}
	open := []*node{root}
	for count := 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("%w: it declares a document type", ErrNotDocx) // where entities would come from
		case xml.StartElement:
			n := &node{name: t.Name.Local, attrs: append([]xml.Attr(nil), t.Attr...)}
			top.kids = append(top.kids, n)
			count++
			if open = append(open, n); len(open) > maxDocxDepth || count > maxDocxNodes {
				return nil, ErrDocxTooLarge
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if top.name == "t" || top.name == "delText" {
				top.text = append(top.text, t...)
			}
		}
	}
}
