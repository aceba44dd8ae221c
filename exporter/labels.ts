import { labelText, type LabelText } from './exposition.js';
import { labelPairs } from './metric-family.js';

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
