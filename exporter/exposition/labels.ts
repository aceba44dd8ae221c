import { labelText } from './format.js';
import { labelPairs } from './protobuf.js';

/** More than the kernel side has peers (4 per container) and devices. */
const MAX_REMEMBERED = 8192;

/** Labels that several lines or scrapes share: they are encoded once, because they are most of a line. */
export class LabelSet {
  #text: Uint8Array | undefined;
  #moreText: Uint8Array | undefined;
  #lastText: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(readonly pairs: Readonly<Record<string, string | number>>) {}

  /** `op="read",device="vda"` */
  get text(): Uint8Array {
    return (this.#text ??= Buffer.from(labelText(this.pairs)));
  }

  /** The same as it stands after other labels. */
  get moreText(): Uint8Array {
    return (this.#moreText ??= Buffer.from(this === NO_LABELS ? '' : `,${labelText(this.pairs)}`));
  }

  /** The same as it ends the labels, and what comes between them and a value. */
  get lastText(): Uint8Array {
    return (this.#lastText ??= Buffer.concat([this.moreText, Buffer.from('} ')]));
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
export function remembered(labels: (value: string) => LabelSet): (value: string) => LabelSet {
  const known = new Map<string, LabelSet>();
  return (value) => {
    let set = known.get(value);
    if (set === undefined) {
      if (known.size >= MAX_REMEMBERED) known.clear();
      set = labels(value);
      known.set(value, set);
    }
    return set;
  };
}
