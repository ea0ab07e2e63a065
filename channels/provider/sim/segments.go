package sim

import (
	"strings"
	"unicode/utf16"
)

// The characters of GSM 03.38 beyond ASCII's letters and digits, and those
// that cost an escape.
const (
	gsmBasic     = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà"
	gsmExtension = "^{}\\[~]|€\f"
)

// gsmCost holds the septets of each character below U+0400, the last block
// that GSM 03.38 touches apart from the euro sign; 0 is not encodable.
var gsmCost = func() (cost [0x400]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		cost[c], cost[c-'a'+'A'] = 1, 1
	}
	for c := '0'; c <= '9'; c++ {
		cost[c] = 1
	}
	for _, c := range gsmBasic {
		cost[c] = 1
	}
	for _, c := range strings.ReplaceAll(gsmExtension, "€", "") {
		cost[c] = 2
	}
	return cost
}()

func septets(c rune) int {
	if c == '€' {
		return 2
	}
	if c < 0x400 {
		return int(gsmCost[c])
	}
	return 0
}

func units(c rune) int { return max(utf16.RuneLen(c), 1) }

// segments counts what a body costs: at least 1, as a message without text
// still is one.
func segments(body string) int {
	cost, single, part := septets, 160, 153
	total := 0
	for _, c := range body {
		n := septets(c)
		if n == 0 {
			cost, single, part = units, 70, 67
			break
		}
		total += n
	}
	if single == 70 {
		total = 0
		for _, c := range body {
			total += units(c)
		}
	}
	if total <= single {
		return 1
	}
	return parts(body, cost, part)
}

// parts fills concatenated messages without splitting a character.
func parts(body string, cost func(rune) int, size int) int {
	n, filled := 1, 0
	for _, c := range body {
		w := cost(c)
		if filled+w > size {
			n, filled = n+1, 0
		}
		filled += w
	}
	return n
}
