import { expect } from 'chai';
import { formatBound } from '../../../../exporter/exposition/histogram.js';
import { labelText } from '../../../../exporter/exposition/labels.js';
import { TextWriter } from '../../../../exporter/exposition/writers.js';

/** A message as it is on the wire: what each field number carried, in order. */
export type Message = ReadonlyMap<number, readonly (bigint | number | Uint8Array)[]>;

/** Reads any message: varints as unsigned integers, 64-bit fields as doubles, the rest as bytes. */
export function readMessage(bytes: Uint8Array): Message {
  const message = new Map<number, (bigint | number | Uint8Array)[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    let key, size;
    [key, at] = readVarint(bytes, at);
    const field = Number(key >> 3n);
    let value: bigint | number | Uint8Array;
    switch (Number(key & 7n)) {
      case 0:
        [value, at] = readVarint(bytes, at);
        break;
      case 1:
        value = view.getFloat64(at, true);
        at += 8;
        break;
      case 2:
        [size, at] = readVarint(bytes, at);
        value = bytes.subarray(at, at + Number(size));
        expect(value.length, `length of field ${field}`).to.equal(Number(size));
        at += Number(size);
        break;
      default:
        throw new Error(`wire type ${key & 7n} in field ${field}`);
    }
    message.set(field, [...(message.get(field) ?? []), value]);
  }
  return message;
}

function readVarint(bytes: Uint8Array, start: number): [value: bigint, next: number] {
  let value = 0n;
  for (let at = start, shift = 0n; ; at++, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('cut off');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at + 1];
  }
}

export function readPackedSints(bytes: Uint8Array): number[] {
  const values: number[] = [];
  for (let at = 0, value; at < bytes.length;) {
    [value, at] = readVarint(bytes, at);
    values.push(unzigzag(value));
  }
  return values;
}

export function unzigzag(value: bigint): number {
  return Number(value & 1n ? -(value + 1n) / 2n : value / 2n);
}

export function readDelimited(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  for (let at = 0, size; at < bytes.length; at += Number(size)) {
    [size, at] = readVarint(bytes, at);
    messages.push(readMessage(bytes.subarray(at, at + Number(size))));
  }
  return messages;
}

export const messagesOf = (message: Message, field: number): Message[] =>
  (message.get(field) ?? []).map((bytes) => readMessage(bytes as Uint8Array));
export const numberOf = (message: Message, field: number): number => Number(message.get(field)![0]);
const stringOf = (message: Message, field: number): string =>
  Buffer.from(message.get(field)![0] as Uint8Array).toString();

/** The text exposition of the same families, from their classic buckets. */
export function asText(families: readonly Message[]): string {
  return families
    .map((family) => {
      const name = stringOf(family, 1);
      const type = { 0: 'counter', 1: 'gauge', 4: 'histogram' }[numberOf(family, 3)]!;
      const help = stringOf(family, 2).replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
      const lines = messagesOf(family, 4).flatMap((metric) => linesOf(name, type, metric));
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
    })
    .join('');
}

function linesOf(name: string, type: string, metric: Message): string[] {
  const labels = Object.fromEntries(
    messagesOf(metric, 1).map((pair) => [stringOf(pair, 1), stringOf(pair, 2)]),
  );
  const line = (suffix: string, value: number, extra = {}) => {
    const text = labelText({ ...labels, ...extra });
    const writer = new TextWriter();
    writer.value(value);
    return `${name}${suffix}${text === '' ? '' : `{${text}}`} ${Buffer.from(writer.take()).toString().trim()}`;
  };
  const value = messagesOf(metric, type === 'counter' ? 3 : 2)[0];
  if (value) return [line('', numberOf(value, 1))];
  const histogram = messagesOf(metric, 7)[0]!;
  const count = numberOf(histogram, 1);
  return [
    ...messagesOf(histogram, 3).map((bucket) =>
      line('_bucket', numberOf(bucket, 1), { le: formatBound(numberOf(bucket, 2), 'text') }),
    ),
    line('_bucket', count, { le: '+Inf' }),
    line('_sum', numberOf(histogram, 2)),
    line('_count', count),
  ];
}
