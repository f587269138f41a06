package presence_test

const childServer = "PRESENCE_TEST_CHILD"

func runChild() {}
