import type { IncomingMessage } from 'node:http';
import { Fields } from './fields.js';
import { JsonArraySplitter } from './json-array.js';

/** Objects of one page, as client-go asks for them. */
export const PAGE_SIZE = 500;
/** Far above the 1.5 MiB that etcd stores of one object. */
const MAX_OBJECT_BYTES = 16 * 1024 ** 2;

export type ListQuery = Readonly<Record<string, string | undefined>>;
type OpenList = (query: ListQuery) => Promise<IncomingMessage>;

/**
 * Lists a collection, in pages if the query has a `limit`; the API server's cache sends all at once all the same. No more
 * than one object is in memory at a time.
 *
 * @param read receives each object as it arrives
 * @returns the version of the list
 * @throws errors of `open`; SyntaxError; KernscaleError `OBJECT_UNREADABLE` for a body that is no list, `JSON_TOO_LARGE`
 */
export async function readList(
  open: OpenList,
  query: ListQuery,
  read: (object: unknown) => void,
): Promise<string> {
  for (let next = query; ;) {
    const metadata = (await readPage(await open(next), read)).fields('metadata');
    const token = metadata.string('continue') ?? '';
    if (token === '') return metadata.string('resourceVersion') ?? '';
    next = { limit: query['limit'], continue: token };
  }
}

/** @returns the list without its objects */
async function readPage(response: IncomingMessage, read: (object: unknown) => void): Promise<Fields> {
  const splitter = new JsonArraySplitter({
    path: ['items'],
    maxHeld: MAX_OBJECT_BYTES,
    onElements: (text) => {
      for (const item of JSON.parse(`[${text}]`) as unknown[]) read(item);
    },
  });
  for await (const chunk of response) splitter.write(chunk as Buffer);
  const list = Fields.of(JSON.parse(splitter.end()));
  for (const item of list.items('items')) read(item);
  return list;
}
