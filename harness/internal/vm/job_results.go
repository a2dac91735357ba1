package vm

// fileHeader begins a result, which is a folder, a whole file, or what was added to a file that grows.
type fileHeader struct {
	Place    int    `json:"place"`          // index of the job's out
	Name     []byte `json:"name,omitempty"` // below that folder; empty for an out that is a file. Names need not be UTF-8.
	Dir      bool   `json:"dir,omitempty"`
	Mode     uint32 `json:"mode"`               // permissions
	Modified int64  `json:"modified,omitempty"` // nanoseconds since 1970; not of what grows
	Size     int64  `json:"size"`               // of the whole file, holes included
	// Grows says that the pieces that follow change the file where it is: it has grown, or was cut to Size.
	Grows bool `json:"grows,omitempty"`
}

// coming says what will be sent after the program's end, in this order.
type coming struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"` // of data; holes are not sent
	// Last are the names of the last ones, at most notesMax: small files come first, so that a large one costs
	// nobody but itself.
	Last []string `json:"last,omitempty"`
}
