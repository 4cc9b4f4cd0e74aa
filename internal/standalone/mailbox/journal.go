package mailbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The journal is a row of files 00000001.mbox, 00000002.mbox, … of records: a head of 16 bytes (kind, length of the
// description, length of the raw message, checksum of both), the description as JSON, the raw message. Records are only
// appended; a file goes when nothing in it or before it is needed any more, always the oldest first, so that the record
// of a deletion outlives what it deletes.
const (
	recordHead      = 16
	maxRecordPart   = 256 << 20
	segmentEnding   = ".mbox"
	kindMessage     = 'M' // description: entry
	kindRead        = 'R' // description: mark
	kindDelete      = 'D' // description: mark
	maxGroup        = 8 << 20
	segmentNameForm = "%08d" + segmentEnding
)

// segmentLimit is after how many bytes a new file is begun.
var segmentLimit int64 = 32 << 20

// ErrClosed says that the mailbox does not take messages any more.
var ErrClosed = errors.New("the mailbox is closed")

// mark is what happened to messages after they came.
type mark struct {
	IDs  []string `json:"ids,omitempty"`
	Read bool     `json:"read,omitempty"`
}

// place is where a message is.
type place struct {
	segment *segment
	offset  int64
	size    int64 // of the whole record
	meta    int64 // of the description
}

// segment is one file of the journal.
type segment struct {
	number int
	file   *os.File
	size   int64
	live   atomic.Int64 // messages that are still listed, or about to be
}

// journal keeps records. One goroutine writes: it gathers what waits, so that many senders share one sync.
type journal struct {
	folder    string
	throwaway bool

	mu       sync.RWMutex // guards segments against removal while somebody reads
	segments []*segment

	writes chan *write
	idle   sync.WaitGroup

	current *segment // these two belong to the writer
	broken  error    // after a write that could not be taken back
}

// write is one record on its way to the disk.
type write struct {
	record  []byte
	metaLen int
	where   place
	sync    bool
	done    chan error
}

// openJournal replays what is there. Each whole record is told in order; a record that a crash cut short ends its file
// and is cut off, for nobody was told 250 for it.
func openJournal(folder string, throwaway bool, tell func(kind byte, meta []byte, at place) error) (*journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make mailbox folder: %w", err)
	}
	j := &journal{folder: folder, throwaway: throwaway, writes: make(chan *write, 256)}
	numbers, err := segmentNumbers(folder)
	if err != nil {
		return nil, err
	}
	for i, number := range numbers {
		if err := j.replay(number, i == len(numbers)-1, tell); err != nil {
			return nil, errors.Join(err, j.closeFiles())
		}
	}
	if len(j.segments) > 0 {
		j.current = j.segments[len(j.segments)-1]
	} else if err := j.begin(1); err != nil {
		return nil, err
	}
	j.idle.Go(j.writeAll)
	return j, nil
}

func segmentNumbers(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list mailbox: %w", err)
	}
	var numbers []int
	for _, entry := range entries {
		var number int
		if _, err := fmt.Sscanf(entry.Name(), segmentNameForm, &number); err == nil && strings.HasSuffix(entry.Name(), segmentEnding) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (j *journal) path(number int) string {
	return filepath.Join(j.folder, fmt.Sprintf(segmentNameForm, number))
}

// replay reads one file. Only the last can have a cut record, so only there the checksums are looked at; elsewhere
// each reader does.
func (j *journal) replay(number int, last bool, tell func(byte, []byte, place) error) error {
	file, err := os.OpenFile(j.path(number), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open mailbox file: %w", err)
	}
	s := &segment{number: number, file: file}
	j.segments = append(j.segments, s)
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open mailbox file: %w", err)
	}
	for s.size < info.Size() {
		kind, meta, at, err := s.next(info.Size(), last)
		if errors.Is(err, errBadRecord) {
			break
		}
		if err != nil {
			return fmt.Errorf("read mailbox file %d: %w", number, err)
		}
		if kind == kindMessage {
			s.live.Add(1)
		}
		if err := tell(kind, meta, at); err != nil {
			return fmt.Errorf("read mailbox file %d: %w", number, err)
		}
		s.size += at.size
	}
	if last && s.size < info.Size() {
		if err := file.Truncate(s.size); err != nil {
			return fmt.Errorf("cut off the unfinished end of the mailbox: %w", err)
		}
	}
	return nil
}

var errBadRecord = errors.New("no whole record")

func (s *segment) next(fileSize int64, check bool) (kind byte, meta []byte, at place, err error) {
	var head [recordHead]byte
	if fileSize-s.size < recordHead {
		return 0, nil, place{}, errBadRecord
	}
	if _, err := s.file.ReadAt(head[:], s.size); err != nil {
		return 0, nil, place{}, err
	}
	metaLen, rawLen := int64(binary.LittleEndian.Uint32(head[4:])), int64(binary.LittleEndian.Uint32(head[8:]))
	at = place{segment: s, offset: s.size, size: recordHead + metaLen + rawLen, meta: metaLen}
	if metaLen > maxRecordPart || rawLen > maxRecordPart || s.size+at.size > fileSize {
		return 0, nil, place{}, errBadRecord
	}
	if check {
		record, err := at.read()
		if err != nil {
			return 0, nil, place{}, err
		}
		return head[0], record[recordHead : recordHead+metaLen], at, nil
	}
	meta = make([]byte, metaLen)
	if _, err := s.file.ReadAt(meta, s.size+recordHead); err != nil {
		return 0, nil, place{}, err
	}
	return head[0], meta, at, nil
}

// read gets a whole record and refuses one whose checksum is wrong.
func (p place) read() ([]byte, error) {
	record := make([]byte, p.size)
	if _, err := p.segment.file.ReadAt(record, p.offset); err != nil {
		return nil, err
	}
	if checksum(record) != binary.LittleEndian.Uint32(record[12:]) {
		return nil, errBadRecord
	}
	return record, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[:12], castagnoli), castagnoli, record[recordHead:])
}

// raw is the message that was stored there.
func (j *journal) raw(p place) ([]byte, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if p.segment.file == nil {
		return nil, os.ErrNotExist // deleted meanwhile
	}
	record, err := p.read()
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	return record[recordHead+p.meta:], nil
}

// append writes one record and returns when it is on disk (or, without sync, handed to the system).
func (j *journal) append(kind byte, description any, raw []byte, sync bool) (place, error) {
	meta, err := json.Marshal(description)
	if err != nil {
		return place{}, err
	}
	record := make([]byte, recordHead, recordHead+len(meta)+len(raw))
	record[0] = kind
	binary.LittleEndian.PutUint32(record[4:], uint32(len(meta)))
	binary.LittleEndian.PutUint32(record[8:], uint32(len(raw)))
	record = append(append(record, meta...), raw...)
	binary.LittleEndian.PutUint32(record[12:], checksum(record))
	w := &write{record: record, metaLen: len(meta), sync: sync, done: make(chan error, 1)}
	j.writes <- w
	err = <-w.done
	return w.where, err
}

func (j *journal) writeAll() {
	for first := range j.writes {
		group, size := []*write{first}, len(first.record)
		for gathering := true; gathering && size < maxGroup; {
			select {
			case next, open := <-j.writes:
				if open {
					group, size = append(group, next), size+len(next.record)
				}
				gathering = open
			default:
				gathering = false
			}
		}
		err := j.writeGroup(group)
		for _, w := range group {
			w.done <- err
		}
	}
}

func (j *journal) writeGroup(group []*write) error {
	if j.broken != nil {
		return j.broken
	}
	if j.current.size > segmentLimit {
		if err := j.begin(j.current.number + 1); err != nil {
			return err
		}
	}
	s := j.current
	var all []byte
	sync := false
	for _, w := range group {
		w.where = place{segment: s, offset: s.size + int64(len(all)), size: int64(len(w.record)), meta: int64(w.metaLen)}
		all = append(all, w.record...)
		sync = sync || w.sync
	}
	_, err := s.file.WriteAt(all, s.size)
	if err == nil && sync && !j.throwaway {
		err = s.file.Sync()
	}
	if err != nil {
		if cutErr := s.file.Truncate(s.size); cutErr != nil {
			j.broken = fmt.Errorf("the mailbox file cannot be written: %w", errors.Join(err, cutErr))
		}
		return fmt.Errorf("keep message: %w", err)
	}
	s.size += int64(len(all))
	for _, w := range group {
		if w.record[0] == kindMessage {
			s.live.Add(1)
		}
	}
	return nil
}

// begin starts a new file.
func (j *journal) begin(number int) error {
	file, err := os.OpenFile(j.path(number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("begin mailbox file: %w", err)
	}
	if folder, err := os.Open(j.folder); err == nil && !j.throwaway {
		err = errors.Join(folder.Sync(), folder.Close())
		if err != nil {
			return errors.Join(fmt.Errorf("begin mailbox file: %w", err), file.Close())
		}
	}
	j.mu.Lock()
	j.current = &segment{number: number, file: file}
	j.segments = append(j.segments, j.current)
	j.mu.Unlock()
	return nil
}

// drop removes the oldest files as long as none of their messages is listed. The one being written stays.
func (j *journal) drop() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.segments) > 1 && j.segments[0].live.Load() == 0 {
		oldest := j.segments[0]
		if err := os.Remove(j.path(oldest.number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old messages: %w", err)
		}
		_ = oldest.file.Close()
		oldest.file = nil
		j.segments = j.segments[1:]
	}
	return nil
}

// close writes what waits and closes the files. Nobody may append any more.
func (j *journal) close() error {
	close(j.writes)
	j.idle.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closeFiles()
}

func (j *journal) closeFiles() (err error) {
	for _, s := range j.segments {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
			s.file = nil
		}
	}
	return err
}
