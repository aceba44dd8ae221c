import { ProtobufWriter } from './writers.js';

export type Labels = Readonly<Record<string, string | number>>;

/** More than the kernel side has peers (4 per container) and devices. */
const MAX_REMEMBERED = 8192;
/** Field numbers of `Metric.label` and of LabelPair in package io.prometheus.client. */
const METRIC_LABEL = 1;
const LABEL_PAIR = { name: 1, value: 2 } as const;

/** Labels that several lines or scrapes share. They are most of a line, so each set is encoded once. */
export class LabelSet {
  #text: Uint8Array | undefined;
  #moreText: Uint8Array | undefined;
  #lastText: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(readonly pairs: Labels) {}

  /** `op="read",device="vda"` */
  get text(): Uint8Array {
    return (this.#text ??= Buffer.from(labelText(this.pairs)));
  }

  /** The text as it follows other labels. */
  get moreText(): Uint8Array {
    return (this.#moreText ??= Buffer.from(this === NO_LABELS ? '' : `,${labelText(this.pairs)}`));
  }

  /** The text as it follows other labels and ends them, up to the value. */
  get lastText(): Uint8Array {
    return (this.#lastText ??= Buffer.concat([this.moreText, Buffer.from('} ')]));
  }

  /** The label fields of a Metric message. */
  get protobuf(): Uint8Array {
    return (this.#protobuf ??= labelPairs(this.pairs));
  }
}

export const NO_LABELS = new LabelSet({});

/** Keeps label sets that every scrape needs again. Starts over when it is full, because peers that are gone pile up. */
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

/** `op="read",device="vda"` */
export function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabelValue(String(value))}"`)
    .join(',');
}

function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** The label fields of a Metric message. */
export function labelPairs(labels: Labels): Uint8Array {
  const writer = new ProtobufWriter(256);
  for (const [name, value] of Object.entries(labels)) {
    writer.message(METRIC_LABEL, () => {
      writer.string(LABEL_PAIR.name, name);
      writer.string(LABEL_PAIR.value, String(value));
    });
  }
  return writer.take();
}
