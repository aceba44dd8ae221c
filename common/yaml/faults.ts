import { isAlias, isMap, isScalar, isSeq, visit, type Document, type Node, type YAMLMap } from 'yaml';

export interface YamlFault {
  readonly node: Node;
  readonly code: 'YAML' | 'DUPLICATE_KEY';
  readonly message: string;
}

/**
 * Finds what the parser accepts, or reports without a position: duplicate keys, keys that objects cannot have, unknown
 * anchors, anchors that contain themselves, and merge keys without a mapping to merge.
 *
 * @param lineOf returns the line of a node
 */
export function findFaults(document: Document, lineOf: (node: Node) => number): YamlFault[] {
  const faults: YamlFault[] = [];
  const anchors = new Map<string, Node>();
  const resolve = (node: unknown): unknown => (isAlias(node) ? anchors.get(node.source) : node);
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const { source } = alias;
      const anchor = anchors.get(source);
      if (!anchor)
        faults.push(fault(alias, `unknown anchor "${source}"; define &${source} before this line`));
      else if (ancestors.includes(anchor)) faults.push(fault(alias, `anchor "${source}" contains itself`));
    },
    Pair: (_, { key, value }) => {
      if (!isMergeKey(key)) return;
      const merged = resolve(value);
      const sources = isSeq(merged) ? merged.items.map(resolve) : [merged];
      // An unknown anchor is reported where its alias stands.
      if (sources.every((source) => source === undefined || isMap(source))) return;
      faults.push(fault(value as Node, '<< must merge a mapping or a list of mappings'));
    },
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      if (isMap(node)) faults.push(...wrongKeys(node, lineOf));
    },
  });
  return faults;
}

function wrongKeys({ items }: YAMLMap, lineOf: (node: Node) => number): YamlFault[] {
  const first = new Map<string, Node>();
  return items.flatMap(({ key }) => {
    if (!isScalar(key) || isMergeKey(key)) return [];
    const name = String(key.value);
    if (name === '__proto__') return [fault(key, `"${name}" cannot be a key; use another name`)];
    const earlier = first.get(name);
    if (!earlier) {
      first.set(name, key);
      return [];
    }
    const message = `duplicate key "${name}", already given on line ${lineOf(earlier)}; keep one of them`;
    return [{ ...fault(key, message), code: 'DUPLICATE_KEY' as const }];
  });
}

/** The parser represents the merge key as a symbol. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

function fault(node: Node, message: string): YamlFault {
  return { node, code: 'YAML', message };
}
