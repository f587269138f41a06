// Package msgpackjson translates between MessagePack, as JavaScript's notepack.io writes and reads it, and the JSON
// text with placeholders for binary attachments that packets are made of. No Go values are built on the way.
package msgpackjson

import "errors"

// ErrShort is returned for a value that is not all there.
var ErrShort = errors.New("msgpackjson: value is cut short")

// maxDepth bounds how deeply values are nested. JavaScript's codecs stop at a hundred, or at the end of their stack.
const maxDepth = 1000

var errDepth = errors.New("msgpackjson: value is nested too deeply")

// ErrAttachments is returned for more binary values than Reader.MaxAttachments.
var ErrAttachments = errors.New("msgpackjson: too many binary values")
