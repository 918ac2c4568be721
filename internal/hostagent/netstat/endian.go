package netstat

import (
	"encoding/binary"
)

// littleEndian is how this machine orders bytes.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
