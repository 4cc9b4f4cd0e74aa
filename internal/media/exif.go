package media

import (
	"bytes"
	"encoding/binary"
)

// orientation finds the EXIF orientation (1–8) of an encoded picture; 1 where there is none or it makes no sense.
func orientation(kind string, data []byte) int {
	switch kind {
	case "jpeg":
		return tiffOrientation(jpegExif(data))
	case "png":
		return tiffOrientation(pngChunk(data, "eXIf"))
	case "webp":
		return tiffOrientation(bytes.TrimPrefix(riffChunk(data, "EXIF"), []byte("Exif\x00\x00")))
	}
	return 1
}

// jpegExif walks the marker segments before the first scan.
func jpegExif(data []byte) []byte {
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker := data[at+1]
		switch {
		case marker == 0xFF: // fill byte
			at++
			continue
		case marker == 0xDA || marker == 0xD9:
			return nil
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD7:
			at += 2
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) {
			return nil
		}
		body := data[at+4 : at+2+size]
		if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); marker == 0xE1 && ok {
			return exif
		}
		at += 2 + size
	}
	return nil
}

func pngChunk(data []byte, name string) []byte {
	for at := 8; at+12 <= len(data); {
		size := int64(binary.BigEndian.Uint32(data[at:]))
		end := int64(at) + 12 + size
		if end > int64(len(data)) {
			return nil
		}
		if string(data[at+4:at+8]) == name {
			return data[at+8 : at+8+int(size)]
		}
		at = int(end)
	}
	return nil
}

func riffChunk(data []byte, name string) []byte {
	for at := 12; at+8 <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		end := int64(at) + 8 + size
		if end > int64(len(data)) {
			return nil
		}
		if string(data[at:at+4]) == name {
			return data[at+8 : end]
		}
		at = int(end + size%2)
	}
	return nil
}

// tiffOrientation reads tag 0x0112 of the first directory.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	count := int64(order.Uint16(tiff[at:]))
	for i := range count {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(tiff)) {
			return 1
		}
		const short = 3
		if order.Uint16(tiff[entry:]) == 0x0112 && order.Uint16(tiff[entry+2:]) == short {
			if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}
