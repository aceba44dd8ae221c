import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { fromRoot } from '../../../sandbox/paths.js';
import { fences, pages, spans } from '../../docs/pages.js';

const OURS =
  /(?:^|npx |-- |sudo )(kernscale(?:-exporter|-scaler)?|npm (?:start|test|run (?:-s )?[\w:-]+))(?= |$)([^|;&#\n]*)/gm;
const PROGRAMS: Readonly<Record<string, string>> = {
  kernscale: 'dist/scaler/cli.js',
  'kernscale-exporter': 'dist/exporter/main.js',
  'kernscale-scaler': 'dist/scaler/main.js',
  'npm start': 'dist/sandbox/loop/main.js',
};
const run = promisify(execFile);

/** Programs, with their subcommand, by what their help says. */
const helps = new Map<string, Promise<string>>();
function helpOf(program: string, ...subcommand: string[]): Promise<string> {
  const key = [program, ...subcommand].join(' ');
  const help =
    helps.get(key) ??
    run(process.execPath, [fromRoot(PROGRAMS[program]!), ...subcommand, '--help']).then(
      ({ stdout }) => stdout,
    );
  helps.set(key, help);
  return help;
}

describe('commands in the documentation', function () {
  this.timeout(60_000);
  const code = pages().flatMap((page) => [
    ...fences(page).filter(({ language }) => language === 'sh'),
    ...spans(page),
  ]);
  const written = code.flatMap(({ page, code: text }) =>
    [...text.matchAll(OURS)].map(([, program, rest]) => ({ page, program: program!, rest: rest! })),
  );

  it('npm scripts exist', () => {
    const { scripts } = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as { scripts: object };
    const names = written.filter(({ program }) => program.startsWith('npm ')).map(({ program }) => program);
    expect(names.length).to.be.greaterThan(10);
    for (const name of names) expect(scripts).to.have.property(name.replace(/^npm (?:run )?(?:-s )?/, ''));
  });

  it('commands of kernscale, and flags of every program, exist', async () => {
    const lacking: string[] = [];
    for (const { page, program, rest } of written) {
      if (PROGRAMS[program] === undefined) continue;
      const words = rest
        .trim()
        .split(/\s+/)
        .filter((word) => word !== '');
      const subcommand = program === 'kernscale' && /^[a-z]/.test(words[0] ?? '') ? [words[0]!] : [];
      const help = await helpOf(program, ...subcommand).catch(() => '');
      const flags = [...rest.matchAll(/(?<= )--[a-z][\w.-]*/g)].map(([flag]) => flag);
      const missing = flags.filter((flag) => !new RegExp(`${flag}\\b`).test(help.replaceAll('-no-', '-')));
      if (help === '' || missing.length > 0) lacking.push(`${page}: ${program}${rest}`);
    }
    expect(written.length).to.be.greaterThan(30);
    expect(lacking).to.deep.equal([]);
  });
});
