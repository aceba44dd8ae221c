import { expect } from 'chai';
import fc from 'fast-check';
import { MatrixReader, sampleTimesAt } from '../../../../scaler/promql/range.js';
import { readRange, readWhole } from './read-whole.js';

const GRID = { from: 1000, step: 15, count: 4 };
const LABELS = { workload: 'web', note: '"values":[[1,"2"]]' };

function matrix(series: Readonly<Record<string, unknown>>, indent?: number): string {
  const result = [{ metric: LABELS, ...series }];
  return JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }, null, indent);
}

describe('MatrixReader', () => {
  const values = [
    [1000, '1'],
    [1030.001, 'NaN'],
    [1045, '+Inf'],
  ];

  it('places points on the grid, and marks steps without a point', () => {
    for (const indent of [undefined, 2]) {
      const response = readRange(200, matrix({ values }, indent), GRID);
      expect(response).to.deep.equal({
        ok: true,
        series: [
          {
            labels: LABELS,
            values: Float64Array.from([1, 0, NaN, Infinity]),
            present: Uint8Array.from([1, 0, 1, 1]),
          },
        ],
      });
    }
  });

  it('rejects points off the grid, and invalid points', () => {
    for (const point of [
      '[985,"1"]',
      '[1060,"1"]',
      '[1000,"x"]',
      '[1000,""]',
      '[1000]',
      '"1"',
      '[["1"]]',
      '[null,"1"]',
    ]) {
      const response = readRange(200, matrix({ values: [] }).replace('[]', `[${point}]`), GRID);
      expect(response, point).to.deep.include({ ok: false, failure: 'malformed' });
    }
  });

  it('reports native histograms and warnings', () => {
    expect(readRange(200, matrix({ histograms: [[1000, {}]] }), GRID)).to.include({
      failure: 'histogram',
    });
    const warned = matrix({ values }).replace('"data"', '"warnings":["a store is down"],"data"');
    expect(readRange(200, warned, GRID)).to.include({ failure: 'partial' });
  });

  it('parses any points, and never throws', () => {
    const point = fc.tuple(fc.nat(GRID.count - 1), fc.double());
    fc.assert(
      fc.property(fc.uniqueArray(point, { selector: ([index]) => index }), (points) => {
        const values = points
          .sort(([a], [b]) => a - b)
          .map(([index, value]) => [GRID.from + index * GRID.step, String(value).replace('Infinity', 'Inf')]);
        const response = readRange(200, matrix({ values }), GRID);
        const read = response.ok ? response.series[0]! : undefined;
        for (const [index, value] of points) expect(read?.values[index]).to.deep.equal(value + 0);
        expect(read?.present.reduce((sum, one) => sum + one, 0)).to.equal(points.length);
      }),
    );
    const pieces = fc.constantFrom(
      '"values":[[',
      ']]',
      '[1000,"1"]',
      ',',
      '{"metric":{}',
      '}',
      '"',
      '[',
      matrix({ values }),
    );
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        expect(readRange(200, parts.join(''), GRID)).to.have.property('ok');
      }),
    );
  });
});

describe('sampleTimesAt', () => {
  it('returns when the newest sample was taken, until the look-back has passed', () => {
    const grid = { from: 1000, step: 100, count: 6 };
    const values = [
      [940.5, '1'],
      [999.5, '2'],
      [1100, '3'],
    ];
    const response = readWhole(
      new MatrixReader(grid, sampleTimesAt),
      200,
      matrix({ values, histograms: [[1150, {}]] }),
    );
    expect(response.ok && response.series[0]).to.deep.include({
      values: Float64Array.from([999.5, 1100, 1150, 1150, 1150, 0]),
      present: Uint8Array.from([1, 1, 1, 1, 1, 0]),
    });
  });
});
