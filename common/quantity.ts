import { KernscaleError } from './errors.js';

const SHAPE = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
/** Powers of 1000, from the power -3 on. */
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
/** Powers of 1024, from the power 1 on. */
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/**
 * Parses a Kubernetes quantity (`200m`, `1.5`, `2e3`, `64Mi`, in YAML also a bare number) into cores or bytes
 * (apimachinery/pkg/api/resource/quantity.go; client-node does not export its parser).
 *
 * @throws KernscaleError `BAD_QUANTITY`
 */
export function parseQuantity(quantity: string | number): number {
  const text = String(quantity);
  const match = SHAPE.exec(text);
  if (!match) {
    throw new KernscaleError('BAD_QUANTITY', `"${text}" is not a quantity; write it like 200m, 1.5 or 64Mi`);
  }
  const [, digits, exponent, suffix = ''] = match;
  if (exponent !== undefined) return Number(digits! + exponent);
  if (suffix.endsWith('i')) return Number(digits) * 1024 ** (BINARY.indexOf(suffix) + 1);
  // Division makes 200m exactly 0.2; multiplication by 0.001 would not.
  const power = DECIMAL.indexOf(suffix) - 3;
  return power < 0 ? Number(digits) / 1000 ** -power : Number(digits) * 1000 ** power;
}

/** Most that can be added up exactly in thousandths, as Kubernetes counts. */
export const MOST_COUNTABLE = Math.floor(Number.MAX_SAFE_INTEGER / 1000);

/** True for a quantity that can be counted in thousandths: not NaN, not negative, not more than `MOST_COUNTABLE`. */
export function isCountable(quantity: number): boolean {
  return quantity >= 0 && quantity <= MOST_COUNTABLE;
}
