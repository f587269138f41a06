// A reporter for node:test. It prints one JSON object for each test, which the Go tests read.

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    const error = data.details?.error;
    const cause = error?.cause ?? error;
    yield JSON.stringify({
      name: data.name,
      passed: type === 'test:pass',
      skipped: data.skip !== undefined || data.todo !== undefined,
      milliseconds: Math.round(data.details?.duration_ms ?? 0),
      error: cause ? String(cause.stack ?? cause) : '',
    }) + '\n';
  }
}
