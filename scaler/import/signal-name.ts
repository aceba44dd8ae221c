import { builtInSignals } from '../promql/signals.js';

/** Names that stand for something else in rules. */
const TAKEN = new Set([...Object.keys(builtInSignals('1m')), 'memory', 'requests', 'concurrency', 'target']);

/** A text as the name of a signal of its own: letters, digits and underscores. */
export function signalName(text: string): string {
  const name = text.replace(/[^a-zA-Z0-9_]+/g, '_').replace(/^(?=\d|$)/, '_');
  return TAKEN.has(name) ? `${name}_query` : name;
}
