import { expect } from 'chai';
import fc from 'fast-check';
import { parseNamesResponse, QUERY_FAILURES } from '../../../../scaler/promql/response.js';
import { readVector } from './read-whole.js';

const vector = (result: unknown, extra = {}): string =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result }, ...extra });

function failureOf(status: number, body: string): string {
  const result = readVector(status, body);
  return result.ok ? 'success' : result.failure;
}

describe('VectorReader', () => {
  it('parses a vector with its labels, values and evaluation time', () => {
    const body = vector([{ metric: { workload: 'cart' }, value: [1700000000.5, '1.5e-7'] }]);
    expect(readVector(200, body)).to.deep.equal({
      ok: true,
      samples: [{ labels: { workload: 'cart' }, timestamp: 1700000000.5, value: 1.5e-7 }],
    });
  });

  it('parses an empty vector as no samples, which is not a zero', () => {
    expect(readVector(200, vector([]))).to.deep.equal({ ok: true, samples: [] });
  });

  it('keeps NaN and the infinities', () => {
    for (const [text, value] of [
      ['NaN', Number.NaN],
      ['+Inf', Number.POSITIVE_INFINITY],
      ['-Inf', Number.NEGATIVE_INFINITY],
    ] as const) {
      const result = readVector(200, vector([{ metric: {}, value: [1, text] }]));
      expect(result).to.deep.equal({ ok: true, samples: [{ labels: {}, timestamp: 1, value }] });
    }
  });

  it('ignores infos, which are remarks on the style of the query', () => {
    const body = vector([{ metric: {}, value: [1, '2'] }], { infos: ['metric might not be a counter'] });
    expect(readVector(200, body).ok).to.equal(true);
  });

  const cases: [string, number, string, string][] = [
    ['a response with warnings', 200, vector([], { warnings: ['store 2 is down'] }), 'partial'],
    ['a partial response of VictoriaMetrics', 200, vector([], { isPartial: true }), 'partial'],
    ['a complete one', 200, vector([], { isPartial: false, stats: {}, warnings: null }), 'success'],
    [
      'one native histogram among numbers',
      200,
      vector([
        { metric: {}, value: [1, '2'] },
        { metric: {}, histogram: [1, {}] },
      ]),
      'histogram',
    ],
    ['a string', 200, '{"status":"success","data":{"resultType":"string","result":[1,"x"]}}', 'wrong_type'],
    ['a result without a type', 200, '{"status":"success","data":{"result":[]}}', 'malformed'],
    ['a mapping in place of a vector', 200, vector({}), 'malformed'],
    ['a number where Prometheus writes a string', 200, vector([{ metric: {}, value: [1, 2] }]), 'malformed'],
    ['a time that is not a number', 200, vector([{ metric: {}, value: ['1', '2'] }]), 'malformed'],
    ['an error with status 200', 200, '{"status":"error","errorType":"e","error":"x"}', 'query_error'],
    ['no content', 204, '', 'http'],
    ['a scalar', 200, '{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', 'wrong_type'],
    ['a range vector', 200, '{"status":"success","data":{"resultType":"matrix","result":[]}}', 'wrong_type'],
    ['a native histogram', 200, vector([{ metric: {}, histogram: [1, { count: '2' }] }]), 'histogram'],
    [
      'an error of the query',
      400,
      '{"status":"error","errorType":"bad_data","error":"parse"}',
      'query_error',
    ],
    [
      'a timeout inside Prometheus',
      503,
      '{"status":"error","errorType":"timeout","error":"x"}',
      'query_error',
    ],
    ['wrong credentials', 401, 'Unauthorized', 'unauthorized'],
    ['a forbidden tenant', 403, '{}', 'unauthorized'],
    ['a proxy without a backend', 502, '<html>Bad Gateway</html>', 'http'],
    ['a page in place of JSON', 200, '<html>Log in</html>', 'malformed'],
    ['an empty body', 200, '', 'malformed'],
    ['other JSON', 200, '{"hello":1}', 'malformed'],
    ['a value that is not a number', 200, vector([{ metric: {}, value: [1, 'many'] }]), 'malformed'],
    ['an empty value', 200, vector([{ metric: {}, value: [1, ''] }]), 'malformed'],
    ['a series without a value', 200, vector([{ metric: {} }]), 'malformed'],
    ['a truncated response', 200, vector([{ metric: {}, value: [1, '2'] }]).slice(0, -9), 'malformed'],
  ];
  for (const [title, status, body, failure] of cases) {
    it(`reports ${title} as ${failure}`, () => {
      expect(failureOf(status, body)).to.equal(failure);
    });
  }

  it('has a named outcome for every response', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), fc.oneof(fc.string(), fc.json()), (status, body) => {
        expect([...QUERY_FAILURES, 'success']).to.include(failureOf(status, body));
      }),
    );
  });
});

describe('parseNamesResponse', () => {
  it('parses names, and reports what may be incomplete as a failure', () => {
    const body = { status: 'success', data: ['up', 'queue_length'] };
    expect(parseNamesResponse(200, JSON.stringify(body))).to.deep.equal({
      ok: true,
      names: new Set(body.data),
    });
    const failures: [body: string, failure: string][] = [
      [JSON.stringify({ ...body, warnings: ['store 2 is down'] }), 'partial'],
      [JSON.stringify({ ...body, data: [1] }), 'malformed'],
      ['{"status":"error","errorType":"bad_data","error":"x"}', 'query_error'],
    ];
    for (const [text, failure] of failures) {
      expect(parseNamesResponse(200, text)).to.include({ ok: false, failure });
    }
  });
});
