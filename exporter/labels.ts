import { labelText, type LabelText } from './exposition.js';
import { labelPairs } from './metric-family.js';

/** More than the kernel side has peers (4 per container) and devices. */
const MAX_REMEMBERED = 8192;

/**
 * Labels that several lines or scrapes share: their text and their bytes are made once each, because rendering
 * labels is most of the work of a short line.
 */
export class LabelSet {
  #text: LabelText | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(readonly pairs: Readonly<Record<string, string | number>>) {}

  get text(): LabelText {
    return (this.#text ??= labelText(this.pairs));
  }

  /** The label fields of a Metric message. */
  get protobuf(): Uint8Array {
    return (this.#protobuf ??= labelPairs(this.pairs));
  }
}

export const NO_LABELS = new LabelSet({});

/**
 * Keeps label sets that are asked for again with every scrape. Begins anew when there are too many, as peers that are
 * gone add up.
 */
export function remembered(labels: (...values: string[]) => LabelSet): (...values: string[]) => LabelSet {
  const known = new Map<string, LabelSet>();
  return (...values) => {
    const key = values.join('\n');
    let set = known.get(key);
    if (set === undefined) {
      if (known.size >= MAX_REMEMBERED) known.clear();
      set = labels(...values);
      known.set(key, set);
    }
    return set;
  };
}
