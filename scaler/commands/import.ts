import { parseDocuments } from '../../common/yaml/document.js';
import { commandLine, flag, kubeconfigFlag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { count } from '../core/format.js';
import { readAutoscalers } from '../import/live.js';
import { manifestsOf, type Manifest } from '../import/manifests.js';
import { lostOf, translate, type Imported } from '../import/translate.js';
import { writeRules } from '../import/write.js';
import { readFiles } from '../rules/files.js';
import { formatRuleError, yamlErrors } from '../rules/load.js';
import { badFlag, filesOf } from './arguments.js';

interface Flags extends Readonly<Record<string, unknown>> {
  readonly live?: boolean;
  readonly namespace?: string;
}

/**
 * `kernscale import`: writes rules for the workloads that HorizontalPodAutoscalers and ScaledObjects scale.
 *
 * @returns exit status: 0 if the rules say all that the autoscalers say, 1 if something has no equal, or a file is broken
 * @throws KernscaleError on wrong flags; `IMPORT_EMPTY` without an autoscaler; `API_…` if the cluster cannot be read
 */
export async function importAutoscalers(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale import', 'Write rules for what HPA and KEDA scale')
    .argument('[files...]', 'Manifests: files, folders, or patterns such as k8s/*.yaml; - is standard input')
    .option('--live', 'Read the autoscalers of the cluster in place of files')
    .addOption(
      flag(
        '--namespace <namespace>',
        'With --live, read this namespace only; with files, the namespace of manifests that name none (default: default)',
      ),
    )
    .addOption(kubeconfigFlag());
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  if (flags.live && command.args.length > 0) throw badFlag('--live reads the cluster; give no files with it');
  const example = 'kernscale import hpa.yaml > rules.yaml, or kernscale import --live';
  const manifests = flags.live ? await readLive(flags) : await readManifests(filesOf(command, example));
  if (!manifests) return 1;
  if (manifests.length === 0) {
    const where = flags.live ? (flags.namespace ?? 'the cluster') : command.args.join(', ');
    throw new KernscaleError(
      'IMPORT_EMPTY',
      `${where}: no HorizontalPodAutoscaler and no ScaledObject found`,
    );
  }
  const imported = translate(manifests, flags.namespace ?? 'default');
  process.stdout.write(writeRules(imported));
  return report(imported);
}

/** The Kubernetes client is loaded on demand: it takes half a second. */
async function readLive(flags: Flags): Promise<Manifest[]> {
  const { loadKubeConfig } = await import('../../common/kubeconfig.js');
  const config = loadKubeConfig(flags['kubernetes.kubeconfig'] as string | undefined);
  return readAutoscalers(config, flags.namespace);
}

/** The autoscalers in files; undefined, and errors on standard error, if one of the files is broken. */
async function readManifests(files: readonly string[]): Promise<Manifest[] | undefined> {
  const manifests: Manifest[] = [];
  let broken = false;
  for await (const read of readFiles(files)) {
    const documents = 'text' in read ? parseDocuments(read.file, read.text) : [];
    const errors = 'text' in read ? documents.flatMap(yamlErrors) : [read];
    for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
    broken ||= errors.length > 0;
    manifests.push(...documents.flatMap(manifestsOf));
  }
  return broken ? undefined : manifests;
}

/** Says on standard error what has no equal. @returns exit status */
function report(imported: readonly Imported[]): number {
  const incomplete = imported.filter((one) => lostOf(one).length > 0);
  for (const { name, manifest, notes } of incomplete) {
    const place = manifest.at ? `${manifest.at.file}:${manifest.at.line}:${manifest.at.column}: ` : '';
    for (const { text, sketch } of lostOf({ notes })) {
      const said = sketch === undefined ? text : `${text} ${sketch}`;
      process.stderr.write(`${place}${name}: ${said} [NO_EQUAL]\n`);
    }
  }
  const all = count(imported.length, 'autoscaler');
  const tail =
    incomplete.length === 0
      ? `the rules say all that ${imported.length === 1 ? 'it says' : 'they say'}`
      : `${incomplete.length} of them ${incomplete.length === 1 ? 'has' : 'have'} something without an equal; the comments say what to do`;
  process.stderr.write(`${all} read; ${tail}\n`);
  return incomplete.length === 0 ? 0 : 1;
}
