import type { ProgramStatus } from 'bpf-linker-napi';
import type { Truth } from './guest/report.js';
import type { Result } from './matrix.js';

/** Renders two tables, kernel × program and kernel × check, each followed by the details of absent and failed ones. */
export function renderTables(results: readonly Result[]): string {
  return [programTable(results), truthTable(results), errors(results)]
    .filter((part) => part.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function programTable(results: readonly Result[]): string[] {
  const rows = unique(results.flatMap(({ programs }) => programs.map(programKey)));
  if (rows.length === 0) return [];
  const cells = rows.map((key) => [
    key,
    ...results.map(({ programs }) => programCell(programs.find((program) => programKey(program) === key))),
  ]);
  const notes = results.flatMap(({ name, programs }) =>
    programs
      .filter(({ detail }) => detail !== '')
      .map(({ program, detail }) => `${name}: ${program}: ${detail}`),
  );
  const skipped = ['runs skipped by the kernel', ...results.map(({ skippedRuns }) => String(skippedRuns))];
  return [...align([heading('program', results), ...cells, skipped]), ...notes.map((note) => `  ${note}`)];
}

function truthTable(results: readonly Result[]): string[] {
  const rows = unique(results.flatMap(({ truths }) => truths.map(truthKey)));
  if (rows.length === 0) return [];
  const cells = rows.map((key) => [
    key,
    ...results.map(({ truths }) => truthCell(truths.find((truth) => truthKey(truth) === key))),
  ]);
  const notes = results.flatMap(({ name, truths }) =>
    truths.filter(({ ok }) => !ok).map((truth) => `${name}: ${truthKey(truth)}: ${truth.detail}`),
  );
  return [...align([heading('truth', results), ...cells]), ...notes.map((note) => `  ${note}`)];
}

function errors(results: readonly Result[]): string[] {
  return results.filter(({ error }) => error).map(({ name, error }) => `${name}: ${error}`);
}

function heading(first: string, results: readonly Result[]): string[] {
  return [
    first,
    ...results.map(({ name, facts }) => (facts ? `${name} ${shortRelease(facts.release)}` : name)),
  ];
}

/** Shortens `6.12.95+deb12-amd64` to 6.12.95. */
function shortRelease(release: string): string {
  return /^\d+(\.\d+)*/.exec(release)?.[0] ?? release;
}

const programKey = ({ probe, program }: ProgramStatus) => `${probe}/${program}`;
const truthKey = ({ name, expected }: Truth) => `${name}: ${expected}`;

/** A program is not listed if another one does its work on this kernel. */
function programCell(program: ProgramStatus | undefined): string {
  if (!program) return 'not needed';
  return program.attached ? 'attached' : 'absent';
}

function truthCell(truth: Truth | undefined): string {
  if (!truth) return '-';
  if (truth.share === null) return 'absent';
  const percent = `${(100 * truth.share).toFixed(1)} %`;
  return truth.ok ? percent : `WRONG ${percent}`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
