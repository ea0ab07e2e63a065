package store_test

import (
	"os"
	"testing"

	"github.com/trellishq/trellis/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
