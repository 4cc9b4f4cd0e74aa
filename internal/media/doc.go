// Package media turns uploaded files into what the portal may serve: pictures made anew from their pixels, attachments of known kinds.
// Its rule: no byte of an uploaded picture is ever served, so no metadata, place, script or second file format survives.
// Read decode.go first; fixture.go draws the pictures of the demo content.
package media
