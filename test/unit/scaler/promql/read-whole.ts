import { JsonArraySplitter } from '../../../../common/json-array.js';
import { MatrixReader, valuesAt, type Grid, type RangeResult } from '../../../../scaler/promql/range.js';
import { VectorReader, type QueryResult } from '../../../../scaler/promql/response.js';

/** Reads a response as a connection would pass it on that receives a few bytes at a time. */
export function readWhole<T>(
  reader: { rows(text: string): void; end(status: number, body: string): T },
  status: number,
  body: string,
  size = 100,
): T {
  const onElements = (text: string): void => {
    reader.rows(text);
  };
  const splitter = new JsonArraySplitter({ path: ['data', 'result'], maxHeld: Infinity, onElements });
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += size) splitter.write(bytes.subarray(at, at + size));
  return reader.end(status, splitter.end());
}

export function readVector(status: number, body: string): QueryResult {
  return readWhole(new VectorReader(), status, body);
}

export function readRange(status: number, body: string, grid: Grid): RangeResult {
  return readWhole(new MatrixReader(grid, valuesAt), status, body);
}
