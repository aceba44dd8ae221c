// Coverage counts the test process only: children would run slower, and some tests limit their time.
delete process.env.NODE_V8_COVERAGE;
