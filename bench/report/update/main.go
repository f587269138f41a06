// Command update writes the performance section of the README files anew, from the run in bench/results. Run it in bench:
// go run ./report/update.
package main

import (
	"fmt"
	"os"

	"websocket-escalonavel/bench/report"
)

func main() {
	changed, err := report.UpdateREADMEs("..")
	if err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
	for _, name := range changed {
		fmt.Println("updated", name)
	}
}
