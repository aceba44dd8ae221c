import { COMMAND_CODES, SANDBOX_CODES } from './commands.js';
import type { ErrorCodes } from './error-code.js';
import { EXPORTER_CODES } from './exporter.js';
import { LINT_CODES, NOTE_CODES, RULE_CODES } from './rules.js';
import { KUBERNETES_CODES, SCALER_CODES, SERVER_CODES } from './services.js';

/** Every error code, by the section of the reference. */
export const ERROR_CODES: Readonly<Record<string, ErrorCodes>> = {
  'Rule files': RULE_CODES,
  'Warnings of check': LINT_CODES,
  'Notes of check': NOTE_CODES,
  'The command': COMMAND_CODES,
  'The scaler': SCALER_CODES,
  'The Kubernetes API and workloads': KUBERNETES_CODES,
  'The exporter': EXPORTER_CODES,
  'HTTP servers': SERVER_CODES,
  'npm start': SANDBOX_CODES,
};

/** The reference of all codes, in this repository. */
const REFERENCE = 'docs/errors.md';

/** The line that names where the reference describes these codes, once each; empty if it describes none. */
export function seeText(codes: Iterable<string>): string {
  const described = [...new Set(codes)].filter((code) =>
    Object.values(ERROR_CODES).some((section) => Object.hasOwn(section, code)),
  );
  // Headings become anchors in lower case.
  const anchors = described.map((code) => `#${code.toLowerCase()}`).join(', ');
  return anchors && `see ${REFERENCE}${anchors}\n`;
}
