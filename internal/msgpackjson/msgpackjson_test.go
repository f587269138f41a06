package msgpackjson

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// unhex returns bytes written in hexadecimal, with spaces where they help.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMsgpackBothWays holds values whose two forms stand for each other (MessagePack specification, "Formats").
func TestMsgpackBothWays(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ text, pack string }{
		{`null`, `c0`}, {`false`, `c2`}, {`true`, `c3`},
		{`0`, `00`}, {`127`, `7f`}, {`128`, `cc80`}, {`255`, `ccff`}, {`256`, `cd0100`}, {`65536`, `ce00010000`},
		{`4294967296`, `cf0000000100000000`}, {`9007199254740991`, `cf001fffffffffffff`},
		{`-1`, `ff`}, {`-32`, `e0`}, {`-33`, `d0df`}, {`-129`, `d1ff7f`}, {`-32769`, `d2ffff7fff`},
		{`-2147483649`, `d3ffffffff7fffffff`}, {`-9007199254740991`, `d3ffe0000000000001`},
		{`1.5`, `cb3ff8000000000000`}, {`1e+21`, `cb444b1ae4d6e2ef50`}, {`5e-324`, `cb0000000000000001`},
		{`""`, `a0`}, {`"oi"`, `a26f69`}, {`"é\n\"\\"`, `a5c3a90a225c`}, {`"\u0000\u001f"`, `a2001f`},
		{`"😀"`, `a4f09f9880`},
		{`"` + long[:31] + `"`, `bf` + strings.Repeat("78", 31)},
		{`"` + long[:32] + `"`, `d920` + strings.Repeat("78", 32)},
		{`"` + long + `"`, `da012c` + strings.Repeat("78", 300)},
		{`[]`, `90`}, {`[1,[2,[]]]`, `92019202 90`}, {`{}`, `80`}, {`{"a":{"b":[null]}}`, `81a16181a16291c0`},
		{`[` + strings.Repeat("1,", 14) + `1]`, `9f` + strings.Repeat("01", 15)},
		{`[` + strings.Repeat("1,", 15) + `1]`, `dc0010` + strings.Repeat("01", 16)},
	} {
		pack := unhex(t, c.pack)
		got, err := Append([]byte("+"), []byte(c.text), nil)
		if err != nil || !bytes.Equal(got[1:], pack) {
			t.Errorf("%.40s: %x, %v, want %.60s", c.text, got, err, c.pack)
		}
		var r Reader
		text, rest, err := r.AppendValue([]byte("+"), append(pack, 0x2a))
		if err != nil || string(text[1:]) != c.text || string(rest) != "*" || r.Attachments != nil {
			t.Errorf("%.60s: %.40s, rest %x, %v, want %.40s", c.pack, text, rest, err, c.text)
		}
	}
}

// TestMsgpackToJSON holds what is read and not written.
func TestMsgpackToJSON(t *testing.T) {
	for _, c := range []struct{ name, pack, text string }{
		{"float 32", `ca3fc00000`, `1.5`}, {"whole float", `cb4008000000000000`, `3`},
		{"minus zero", `cb8000000000000000`, `-0`},
		{"NaN", `cb7ff8000000000001`, `null`}, {"infinity", `cb7ff0000000000000`, `null`},
		{"largest uint", `cfffffffffffffffff`, `18446744073709551615`},
		{"int formats longer than needed", `94 d101 00 d200000001 d300000000000000ff cd0001`, `[256,1,255,1]`},
		{"str 32", `db00000002 6f69`, `"oi"`}, {"array 32", `dd00000001 01`, `[1]`},
		{"map 32", `df00000001 a161 01`, `{"a":1}`},
		{"string that is not UTF-8", `a3 61ff62`, `"a` + "\uFFFD" + `b"`},
		{"surrogate in UTF-8", `a3 eda080`, `"` + "\uFFFD\uFFFD\uFFFD" + `"`},
		{"date in seconds", `d6ff 00000001`, `"1970-01-01T00:00:01.000Z"`},
		{"date with milliseconds", `d7ff 1dcd650000000001`, `"1970-01-01T00:00:01.125Z"`},
		{"date before 1970", `c70cff 3b023380 ffffffffffffffff`, `"1969-12-31T23:59:59.990Z"`},
		{"date far away", `c70cff 00000000 0000003afff44180`, `"+010000-01-01T00:00:00.000Z"`},
		{"date before the year 0", `c70cff 00000000 fffffff1868b8400`, `"0000-01-01T00:00:00.000Z"`},
		{"no date at all", `c70cff 00000000 7fffffffffffffff`, `null`},
		{"undefined of an old notepack", `82 a161 d40000 a162 92 01 d40000`, `{"b":[1,null]}`},
		{"only undefined", `81 a161 d40000`, `{}`},
		{"date of an old notepack", `d700 00000000000003e8`, `"1970-01-01T00:00:01.000Z"`},
		{"numbers as keys", `84 01 02 ff 03 cb3ff8000000000000 04 cf0000000100000000 05`,
			`{"1":2,"-1":3,"1.5":4,"4294967296":5}`},
		{"unknown extensions", `93 d401ff c70105ff d8 07 00000000000000000000000000000000`, `[null,null,null]`},
	} {
		var r Reader
		text, rest, err := r.AppendValue(nil, unhex(t, c.pack))
		if err != nil || string(text) != c.text || len(rest) != 0 {
			t.Errorf("%s: %s, rest %x, %v, want %s", c.name, text, rest, err, c.text)
		}
	}
	for _, pack := range []string{``, `c1`, `cc`, `cd01`, `a2 6f`, `d9`, `d9ff 00`, `c4 02 01`, `92 01`, `81 a161`,
		`81 c0 01`, `81 c3 01`, `81 90 01`, `81 d40000 01`, `d6ff 0000`, `d4`, `c7`, `c8 00`, `c9 ffffffff 00`,
		`c9 7fffffff 00 00`,
		`ca 0000`, `cb`, `dc`,
		`dd000000`, `df ffff`} {
		var r Reader
		if text, _, err := r.AppendValue(nil, unhex(t, pack)); err == nil {
			t.Errorf("%s: %s, want an error", pack, text)
		}
	}
}

func TestMsgpackBinary(t *testing.T) {
	text := []byte(`["ev",{"_placeholder":true,"num":1},{"a":{"num":0, "_placeholder" : true}},` +
		`{"_placeholder":true,"num":2},{"_placeholder":false,"num":0},{"_placeholder":true,"num":-1},{"num":0}]`)
	pack, err := Append(nil, text, [][]byte{{1, 2}, {}})
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, `97 a26576 c400 81 a161 c4020102`+
		` 82 ac5f706c616365686f6c646572 c3 a36e756d 02`+ // there is no third attachment
		` 82 ac5f706c616365686f6c646572 c2 a36e756d 00`+
		` 82 ac5f706c616365686f6c646572 c3 a36e756d ff`+
		` 81 a36e756d 00`)
	if !bytes.Equal(pack, want) {
		t.Errorf("%x, want\n%x", pack, want)
	}
	if pack, err := Append(nil, []byte(`{"\u005fplaceholder":true,"num":1.0}`), [][]byte{{1}, {2}}); err != nil ||
		!bytes.Equal(pack, []byte{0xc4, 1, 2}) {
		t.Errorf("a placeholder with an escape: %x, %v", pack, err)
	}
	var r Reader
	back, _, err := r.AppendValue(nil, unhex(t, `93 c400 81 a161 c4020102 c70200 0304`))
	const wantBack = `[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}]`
	if err != nil || string(back) != wantBack ||
		fmt.Sprint(r.Attachments) != "[[] [1 2] [3 4]]" {
		t.Errorf("%s %v, %v", back, r.Attachments, err)
	}
}

func TestMsgpackDepth(t *testing.T) {
	for _, depth := range []int{100, maxDepth, maxDepth + 1, 1 << 20} {
		_, errJSON := Append(nil, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), nil)
		_, errMap := Append(nil, []byte(strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)), nil)
		var r Reader
		_, _, errPack := r.AppendValue(nil, append(bytes.Repeat([]byte{0x91}, depth-1), 0x90))
		for _, err := range []error{errJSON, errMap, errPack} {
			if want := depth > maxDepth+1; errors.Is(err, errDepth) != want && depth != maxDepth+1 ||
				depth <= maxDepth && err != nil {
				t.Errorf("depth %d: %v", depth, err)
			}
		}
	}
}

// TestMsgpackPromises reads headers that promise four thousand million elements, alone and nested: they cost nothing.
func TestMsgpackPromises(t *testing.T) {
	for _, c := range [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0xff, 0xff, 0xff, 0xff},
		{0xdb, 0xff, 0xff, 0xff, 0xff},
		{0xc9, 0xff, 0xff, 0xff, 0xff, 0}, bytes.Repeat([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, 900),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var r Reader
		_, _, err := r.AppendValue(nil, c)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 1<<20 {
			t.Errorf("%.10x: %v, %d bytes", c, err, used)
		}
	}
}

// notepackScript makes random values and prints each as {json, attachments, pack, same}: what a client gets of it, what
// notepack makes of it, and whether our encoding of the JSON must be the same bytes. Then it reads lines of
// {text, pack}, ours, and prints what differs.
const notepackScript = `
const notepack = require('notepack.io');
let seed = 20261123;
const random = () => { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const int = (n) => Math.floor(random() * n);
const pick = (list) => list[int(list.length)];
const string = () => Array.from({ length: pick([0, 1, 5, 31, 32, 33, 255, 256]) },
  () => pick(['a', 'é', '漢', '😀', '"', '\\', '\n', '\u0000', '\u2028', '<', ' '])).join('');
let same;
function value(depth) {
  switch (int(depth > 4 ? 13 : 16)) {
    case 0: return null;
    case 1: return random() < 0.5;
    case 2: return int(300) - 150;
    case 3: return Math.round((random() - 0.5) * 2 ** int(53));
    case 4: return (random() - 0.5) * 10 ** (int(44) - 30);
    case 5: same = false; return pick([1e21, 2 ** 53, 2 ** 60, -(2 ** 55), 123456789012345680000]) ;
    case 6: same = false; return pick([NaN, Infinity, -0, undefined, '\ud800' + string()]);
    case 7: same = false; return new Date(pick([0, 1, 1e12, 1.7e12 + int(1e6), -1, -1e13, 253402300800000, 8.64e15]));
    case 8: return Buffer.from(Array.from({ length: pick([0, 1, 255, 256, 1000]) }, () => int(256)));
    case 13: return Array.from({ length: pick([0, 1, 3, 15, 16, 40]) }, () => value(depth + 1));
    case 14: case 15: {
      const o = {};
      for (let n = pick([0, 1, 3, 15, 16, 20]); n > 0; n--) o['k' + string().slice(0, 40) + n] = value(depth + 1);
      return o;
    }
    default: return string();
  }
}
function deconstruct(v, attachments) {
  if (Buffer.isBuffer(v)) return { _placeholder: true, num: attachments.push(v.toString('hex')) - 1 };
  if (Array.isArray(v)) return v.map((e) => deconstruct(e, attachments));
  if (v && typeof v === 'object' && !(v instanceof Date)) {
    return Object.fromEntries(Object.entries(v).map(([k, e]) => [k, deconstruct(e, attachments)]));
  }
  return v;
}
for (let i = 0; i < 600; i++) {
  same = true;
  const v = [value(0)];
  const pack = notepack.encode(v);
  const attachments = [];
  const json = JSON.stringify(deconstruct(notepack.decode(pack), attachments));
  console.log(JSON.stringify({ json, attachments, pack: pack.toString('hex'), same }));
}
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
  const { text, pack } = JSON.parse(line);
  const got = JSON.stringify(notepack.decode(Buffer.from(pack, 'hex')));
  const want = JSON.stringify(JSON.parse(text));
  if (got !== want) console.log(JSON.stringify({ wrong: text + ': ' + got + ', want ' + want }));
}
console.log(JSON.stringify({ done: true }));
`

// TestNotepack compares with the codec of Node.js's adapters, in both directions.
func TestNotepack(t *testing.T) {
	needs.NodeJS(t)
	const js = "../../test/js"
	var ours bytes.Buffer
	for _, text := range []string{
		`123456789012345678901`, `9007199254740993`, `-9007199254740993`, `9007199254740992`, `1.50`, `-0`, `1e400`,
		`-1e400`, `1e21`, `1e-400`,
		`0.1`, `4294967295`, `4294967296`, `-4294967297`, `"\ud83d\ude00 \u00e9 \u2028 \/"`, `"\ud800"`,
		` [ 1 , { "a" : [ ] } ] `,
		`{"a":1,"a":2}`, `{"é\n":{"":null}}`, `[[[[[[[[[[]]]]]]]]]]`, `"` + strings.Repeat("é", 70_000) + `"`,
		`[` + strings.Repeat("1,", 70_000) + `1]`, strings.Repeat("[", 500) + strings.Repeat("]", 500),
	} {
		pack, err := Append(nil, []byte(text), nil)
		if err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
		if text == `"\ud800"` {
			text = `"` + "\uFFFD" + `"` // UTF-8 cannot have it
		}
		line, _ := json.Marshal(map[string]string{"text": text, "pack": hex.EncodeToString(pack)})
		ours.Write(append(line, '\n'))
	}
	cmd := exec.Command("node", "-e", notepackScript)
	cmd.Dir, cmd.Stdin = js, &ours
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	values, identical, done := 0, 0, false
	for _, line := range bytes.Split(bytes.TrimSpace(out), []byte{'\n'}) {
		var v struct {
			JSON, Pack, Wrong string
			Attachments       []string
			Same, Done        bool
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch {
		case v.Done:
			done = true
			continue
		case v.Wrong != "":
			t.Errorf("Node.js reads ours wrongly: %.200s", v.Wrong)
			continue
		}
		values++
		var r Reader
		text, rest, err := r.AppendValue(nil, unhex(t, v.Pack))
		if err != nil || len(rest) > 0 || !sameJSON(string(text), v.JSON) {
			t.Errorf("%.200s:\n%.300s, %v, want\n%.300s", v.Pack, text, err, v.JSON)
			continue
		}
		var attachments [][]byte
		for i, a := range v.Attachments {
			attachments = append(attachments, unhex(t, a))
			if i >= len(r.Attachments) || !bytes.Equal(r.Attachments[i], attachments[i]) {
				t.Errorf("%.200s: attachments %x, want %s", v.Pack, r.Attachments, v.Attachments)
				break
			}
		}
		if v.Same {
			identical++
			if pack, err := Append(nil, []byte(v.JSON), attachments); err != nil ||
				hex.EncodeToString(pack) != v.Pack {
				t.Errorf("%.200s: %.300x, %v, want\n%.300s", v.JSON, pack, err, v.Pack)
			}
		}
	}
	t.Logf("%d values of notepack's, %d of them with one encoding", values, identical)
	if values != 600 || identical < 200 || !done {
		t.Errorf("node's output is incomplete, or its values are all odd ones: %d, %d, %v", values, identical, done)
	}
}

// sameJSON compares what two texts say, because JavaScript prints 2^60 with other digits: all are the same double.
func sameJSON(a, b string) bool {
	var x, y any
	if a == b {
		return true
	}
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil &&
		fmt.Sprint(x) == fmt.Sprint(y)
}

func FuzzFromMsgpack(f *testing.F) {
	for _, seed := range []string{
		`93 a6414141414141 83 a474797065 02 a464617461 92 a26576 c40101 a36e7370 a12f` +
			`83 a5726f6f6d73 90 a6657863657074 90 a5666c616773 80`,
		`dfffffffff`, `c70cff3b023380ffffffffffffffff`, `82a161d40000a162d70000000000000003e8`, `a3eda080`,
		`cb7ff8000000000001`} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Reader
		text, rest, err := r.AppendValue(nil, b)
		if err == nil && (!json.Valid(text) || len(rest) >= len(b)) {
			t.Errorf("%x: %s", b, text)
		}
		if err == nil && len(text) > 40*len(b)+10 {
			t.Errorf("%d bytes have become %d", len(b), len(text))
		}
		if err == nil {
			if _, err := Append(nil, text, r.Attachments); err != nil && !errors.Is(err, errDepth) {
				t.Errorf("%x: %s cannot be encoded again: %v", b, text, err)
			}
		}
	})
}

func FuzzJSONRoundTrip(f *testing.F) {
	for _, seed := range []string{`["ev",1.5,-7,"é\n\ud83d\ude00",{"a":[null,true,{}]}]`, ` [ 1e400 , "\ud800" ] `,
		`{"_placeholder":true,"num":0}`,
		`{"num":0,"_placeholder":true}`, `123456789012345678901`, `{"a":1,"a":{"_placeholder":true}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) || bytes.Contains(text, []byte("_placeholder")) && bytes.Contains(text, []byte(`\u`)) {
			return
		}
		for _, attachments := range [][][]byte{nil, {{1}, {2, 3}}} {
			pack, err := Append(nil, text, attachments)
			if errors.Is(err, errDepth) {
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			var r Reader
			back, rest, err := r.AppendValue(nil, pack)
			if err != nil || len(rest) > 0 || !json.Valid(back) {
				t.Fatalf("%s: %x: %s, %v", text, pack, back, err)
			}
			// What has gone through once goes through unchanged.
			again, err := Append(nil, back, r.Attachments)
			if err != nil || !bytes.Equal(again, pack) && !bytes.Contains(text, []byte("_placeholder")) &&
				!hasInfinity(text) {
				t.Fatalf("%s: %x, then %x, %v", text, pack, again, err)
			}
		}
	})
}

// hasInfinity reports whether a number in text is beyond a double, for which JSON has no other word than null.
func hasInfinity(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if n, ok := token.(json.Number); ok {
			if f, _ := n.Float64(); math.IsInf(f, 0) {
				return true
			}
		}
	}
}

// TestLengthsOf32Bits has lengths that overflow an int of 32 bits, and less than so many bytes behind them. make test
// runs it for such a machine.
func TestLengthsOf32Bits(t *testing.T) {
	for _, head := range []byte{0xdb, 0xc6, 0xc9, 0xdd, 0xdf} { // str, bin, ext, array and map 32
		for _, length := range []uint32{1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 6, 1<<32 - 5, 1<<32 - 2, 1<<32 - 1} {
			value := binary.BigEndian.AppendUint32([]byte{head}, length)
			value = append(value, 0, 0xa1, 'x', 0xc0, 0xa1, 'y', 0xc0)
			var r Reader
			if _, _, err := r.AppendValue(nil, value); err == nil {
				t.Errorf("% x makes sense", value)
			}
			_, _, _ = ReadText(value)
		}
	}
}
