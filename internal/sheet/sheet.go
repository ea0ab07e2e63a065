// Package sheet writes tables for spreadsheets, as CSV and as XLSX, row by row:
// memory does not grow with the table. What a cell holds is text to the reader's
// program and never a formula (rules D8-1). It knows nothing of what it writes.
package sheet

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// ContentType is the format's media type.
func (f Format) ContentType() string {
	if f == XLSX {
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "text/csv; charset=utf-8"
}

// Writer takes a table. It ends with Close, which completes the file, or with
// Abandon, which leaves it in pieces: half a table must not pass for a whole one.
type Writer interface {
	Row(cells ...string) error
	Close() error
	Abandon()
}

// New begins a file of a format.
func New(f Format, to io.Writer) (Writer, error) {
	switch f {
	case CSV:
		return &csvWriter{to: to}, nil
	case XLSX:
		return newXLSX(to)
	}
	return nil, fmt.Errorf("sheet: there is no format %q", f)
}

// csvWriter writes as RFC 4180 asks. encoding/csv with line ends of two
// characters would drop every CR inside of a cell.
type csvWriter struct {
	to   io.Writer
	line []byte
}

// Row implements Writer.
func (w *csvWriter) Row(cells ...string) error {
	w.line = w.line[:0]
	for i, cell := range cells {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		w.line = appendCell(w.line, Escape(cell))
	}
	w.line = append(w.line, '\r', '\n')
	_, err := w.to.Write(w.line)
	return err
}

func appendCell(line []byte, cell string) []byte {
	if !strings.ContainsAny(cell, "\",\r\n") && cell == strings.TrimSpace(cell) {
		return append(line, cell...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(line, '"')
}

// Close implements Writer. All rows are written.
func (w *csvWriter) Close() error { return nil }

// Abandon implements Writer.
func (w *csvWriter) Abandon() {}

// harmless begins like a formula and is none: a telephone number, a number.
var harmless = regexp.MustCompile(`^(\+[1-9]\d{1,14}|[+-]?\d+(\.\d+)?)$`)

// starters are characters that make spreadsheets calculate.
const starters = "=+-@\t\r\x00"

// Escape makes a cell of CSV text for every spreadsheet: an apostrophe goes
// before what would be calculated. Telephone numbers and plain numbers stay as
// they are. A cell that begins with apostrophes before such a character gets
// one more, so that Restore finds what there was.
func Escape(cell string) string {
	rest := strings.TrimLeft(cell, "'")
	if rest == "" || !strings.ContainsRune(starters, rune(rest[0])) || harmless.MatchString(cell) {
		return cell
	}
	return "'" + cell
}

// Restore is Escape undone, for what is read in again.
func Restore(cell string) string {
	if !strings.HasPrefix(cell, "'") {
		return cell
	}
	if original := cell[1:]; Escape(original) == cell {
		return original
	}
	return cell
}

// sheetRows is how many rows one sheet of a workbook takes; XLSX ends at
// 1,048,576.
const sheetRows = 1_000_000

// xlsxWriter fills one sheet after the other. What is written waits on the disk
// for Close.
type xlsxWriter struct {
	to     io.Writer
	file   *excelize.File
	stream *excelize.StreamWriter
	sheets int
	row    int
	cells  []any
}

func newXLSX(to io.Writer) (*xlsxWriter, error) {
	w := &xlsxWriter{to: to, file: excelize.NewFile()}
	if err := w.next(); err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w, nil
}

// next begins a sheet. A new workbook has one.
func (w *xlsxWriter) next() (err error) {
	w.sheets++
	name := fmt.Sprintf("Sheet%d", w.sheets)
	if w.sheets > 1 {
		if err := w.stream.Flush(); err != nil {
			return err
		}
		if _, err := w.file.NewSheet(name); err != nil {
			return err
		}
	}
	w.row = 0
	w.stream, err = w.file.NewStreamWriter(name)
	return err
}

// Row implements Writer. A string is a cell of text, whatever it begins with.
func (w *xlsxWriter) Row(cells ...string) error {
	if w.row == sheetRows {
		if err := w.next(); err != nil {
			return err
		}
	}
	w.row++
	w.cells = w.cells[:0]
	for _, cell := range cells {
		w.cells = append(w.cells, cell)
	}
	at, err := excelize.CoordinatesToCellName(1, w.row)
	if err != nil {
		return err
	}
	return w.stream.SetRow(at, w.cells)
}

// Close implements Writer.
func (w *xlsxWriter) Close() error {
	err := w.stream.Flush()
	if err == nil {
		_, err = w.file.WriteTo(w.to)
	}
	return errors.Join(err, w.file.Close()) // and takes its files from the disk
}

// Abandon implements Writer.
func (w *xlsxWriter) Abandon() { _ = w.file.Close() }
