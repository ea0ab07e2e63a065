package sheet_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/trellishq/trellis/internal/sheet"
)

// odd are cells that something could go wrong with.
var odd = []string{
	"", "plain", "+15145550100", "-12.5", "+7", "3", "=1+1", "+1-1", "-cmd", "@SUM(A1)", "\tx", "\rx", "'=1", "''=1", "'quoted'",
	"two\nlines", `say "hi"`, "a,b;c", "héllo ’", "=HYPERLINK(\"https://evil.example\")", "'+15145550100",
}

func TestCellsAreTextAndComeBack(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := begin(t, sheet.CSV, &file)
	for _, cell := range odd {
		if err := w.Row("a", cell); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	reader := csv.NewReader(&file)
	for {
		row, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sheet.Restore(row[1]))
	}
	// encoding/csv reads a lone CR inside quotes as it is.
	if diff := cmp.Diff(odd, got); diff != "" {
		t.Error(diff)
	}
}

func TestFormulasAreEscaped(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-1+1": "'-1+1", "@x": "'@x", "\t=1": "'\t=1", "\x00=1": "'\x00=1",
		"+15145550100": "+15145550100", "-1": "-1", "-1.5": "-1.5", "+0123": "+0123", "1e5": "1e5", "+1514555010a": "'+1514555010a",
		"+15145550100=1": "'+15145550100=1",
	} {
		if got := sheet.Escape(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

func TestWorkbooksHoldTextOnly(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := begin(t, sheet.XLSX, &file)
	for _, cell := range odd {
		if err := w.Row(cell, "b"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	for i, want := range odd {
		at, _ := excelize.CoordinatesToCellName(1, i+1)
		got, err := book.GetCellValue("Sheet1", at)
		if err != nil || strings.ReplaceAll(got, "\r", "") != strings.ReplaceAll(want, "\r", "") {
			t.Errorf("%s is %q, want %q (%v)", at, got, want, err)
		}
		if formula, _ := book.GetCellFormula("Sheet1", at); formula != "" {
			t.Errorf("%s is the formula %q", at, formula)
		}
	}
}

// Memory stays flat: a hundred times the rows take no hundred times the memory.
func TestRowsAreNotCollected(t *testing.T) {
	for _, f := range []sheet.Format{sheet.CSV, sheet.XLSX} {
		w := begin(t, f, io.Discard)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 200_000 {
			if err := w.Row("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f02", "user.updated", strings.Repeat("x", 400)); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 40<<20 {
			t.Errorf("%s: 90 MB of rows hold %d MB", f, grown>>20)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func begin(t *testing.T, f sheet.Format, to io.Writer) sheet.Writer {
	t.Helper()
	w, err := sheet.New(f, to)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func FuzzRestore(f *testing.F) {
	for _, cell := range odd {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		escaped := sheet.Escape(cell)
		if got := sheet.Restore(escaped); got != cell {
			t.Errorf("%q comes back as %q", cell, got)
		}
	})
}
