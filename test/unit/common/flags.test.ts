import { expect } from 'chai';
import { commandLine, flag, parseFlags, seconds } from '../../../common/flags.js';

describe('the help of a command', () => {
  const helpAt = (columns: number): string => {
    let help = '';
    const command = commandLine(
      'kernscale check',
      'Check rule files, all of them, and report every error that they have',
    )
      .argument('[files...]', 'Rule files, folders, or patterns such as rules/*.yaml; - is standard input')
      .option('--json', 'Print one JSON object instead of text')
      .addOption(
        flag('--scrape-interval-of-all <duration>', 'Time between two scrapes of a target', 5, seconds),
      )
      .configureOutput({ getOutHelpWidth: () => columns, writeOut: (text) => (help += text) });
    expect(parseFlags(command, ['--help'])).to.equal(undefined);
    return help;
  };

  for (const columns of [50, 60, 80, 120]) {
    it(`fits a terminal of ${columns} columns`, () => {
      const lines = helpAt(columns).split('\n');
      expect(lines.filter(({ length }) => length > columns)).to.deep.equal([]);
      const words = lines.map((line) => line.trim()).join(' ');
      expect(words).to.contain('Time between two scrapes of a target (default: 5s, env: KERNSCALE_');
    });
  }
});
