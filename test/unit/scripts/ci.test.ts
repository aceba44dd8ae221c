import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { fromRoot } from '../../../sandbox/paths.js';

interface Workflow {
  jobs: Record<string, { steps: { run?: string }[] }>;
}

const read = (path: string) => readFileSync(fromRoot(path), 'utf8');

/** The npm commands of a text: `npm test`, `npm run build`. */
function npmCommands(text: string): string[] {
  return [...text.matchAll(/\bnpm (?:test|start|run \S+)/g)].map(([command]) => command);
}

describe('continuous integration', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow;
  const commandsOf = (job: string) => jobs[job]!.steps.flatMap(({ run = '' }) => npmCommands(run));

  it("runs the README's test command, as .ci/run does", () => {
    expect(npmCommands(read('README.md'))).to.include('npm test');
    expect(commandsOf('test')).to.deep.equal(['npm test']);
    expect(read('.ci/run')).to.match(/^npm test$/m);
  });

  it('calls only npm scripts that exist', () => {
    const files = [
      '.github/workflows/ci.yml',
      '.github/pull_request_template.md',
      '.devcontainer/devcontainer.json',
    ];
    for (const file of files) {
      for (const command of npmCommands(read(file))) {
        expect(scripts, file).to.have.property(command.replace(/^npm (run )?/, '').replace(/\W+$/, ''));
      }
    }
  });

  it('uses the Node.js of the image', () => {
    const version = read('.nvmrc').trim();
    expect(read('Dockerfile')).to.contain(`NODE_IMAGE=docker.io/library/node:${version}.`);
    expect(read('.devcontainer/devcontainer.json')).to.contain(`javascript-node:${version.split('.')[0]!}-`);
  });
});
