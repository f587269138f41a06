package report

// WorkloadsNamed returns the workloads that goals, columns and plots refer to.
func WorkloadsNamed() []string {
	var names []string
	for _, g := range goals {
		names = append(names, g.workload)
	}
	for _, c := range columns {
		names = append(names, c.workload)
	}
	for _, p := range plots {
		for _, b := range p.bars {
			names = append(names, b.workload)
		}
	}
	return names
}
