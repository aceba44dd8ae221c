import { KernscaleError } from '../../common/errors.js';
import { Fields } from '../../common/fields.js';
import { workloadKey } from '../core/types.js';
import { checkRule } from '../rules/checks.js';
import { schemaFindings } from '../rules/findings.js';
import { ruleSchema } from '../rules/schema.js';
import { translateHpa } from './hpa.js';
import { translateScaledObject } from './keda.js';
import type { Manifest } from './manifests.js';
import { noEqual, type Note, type RuleDraft, type TargetDraft, type Translation } from './translation.js';

/** An autoscaler and what it becomes. */
export interface Imported extends Translation {
  readonly manifest: Manifest;
  /** `HorizontalPodAutoscaler shop/web`. */
  readonly name: string;
  readonly namespace: string;
}

/**
 * Translates autoscalers into rules, each on its own, except that one workload has one rule.
 *
 * @param defaultNamespace of manifests that name none
 */
export function translate(manifests: readonly Manifest[], defaultNamespace: string): Imported[] {
  const imported = manifests.map((manifest) => translateOne(manifest, defaultNamespace));
  const names = new Set(imported.map(({ name }) => name));
  // KEDA makes an HPA for a ScaledObject, which says all that the HPA says.
  const own = imported.filter(({ manifest, namespace }) => {
    const maker = makerOf(manifest);
    return maker === undefined || !names.has(`ScaledObject ${namespace}/${maker}`);
  });
  const seen = new Map<string, string>();
  return own.map((one) => {
    if (!one.rule) return one;
    const key = workloadKey(one.rule.scaleTargetRef);
    const first = seen.get(key);
    if (first !== undefined)
      return refuse(one, `${first} scales ${key}, too, and a workload has one rule; merge the two.`);
    seen.set(key, one.name);
    return one;
  });
}

/** Parts that a rule can do without. */
const PARTS = ['schedules', 'fallback', 'idle', 'behavior'];

const UNSIZED = noEqual(
  'No target is left, so the rule sizes by its default: the CPU demand, at 70 % of the CPU request.',
);

function translateOne(manifest: Manifest, defaultNamespace: string): Imported {
  const faults: string[] = [];
  const object = Fields.of(manifest.value, faults);
  const metadata = object.fields('metadata');
  const namespace = metadata.string('namespace') || defaultNamespace;
  const name = `${manifest.kind} ${namespace}/${metadata.string('name') ?? ''}`;
  const translation = checked(distinct(translationOf(manifest, object, namespace)));
  const unreadable = faults.map((fault) => noEqual(`${fault}; it is left out.`));
  const { targets, minReplicas, maxReplicas } = translation.rule ?? {};
  const isUnsized = targets?.length === 0 && minReplicas !== maxReplicas;
  return {
    manifest,
    name,
    namespace,
    ...translation,
    notes: [...(isUnsized ? [UNSIZED] : []), ...translation.notes, ...unreadable],
  };
}

function translationOf(manifest: Manifest, object: Fields, namespace: string): Translation {
  const maker = makerOf(manifest);
  if (maker !== undefined) {
    return lost(`KEDA made it for ScaledObject ${namespace}/${maker}; import that one.`);
  }
  if (manifest.kind === 'ScaledJob') return lost('Kernscale scales no Jobs; leave it with KEDA.');
  try {
    const isHpa = manifest.kind === 'HorizontalPodAutoscaler';
    return isHpa ? translateHpa(object, namespace) : translateScaledObject(object, namespace);
  } catch (error) {
    if (!(error instanceof KernscaleError) || error.code !== 'OBJECT_UNREADABLE') throw error;
    return lost(`${error.message}.`);
  }
}

/** With one target for each signal: queries get names of their own, a second target of CPU or memory is left out. */
function distinct({ rule, notes }: Translation): Translation {
  if (!rule) return { notes };
  const used = new Set<string>();
  const targets: TargetDraft[] = [];
  const leftOut: Note[] = [];
  for (const target of rule.targets) {
    const { container, expr } = target;
    let signal = target.signal;
    for (let number = 2; expr !== undefined && used.has(signal); number++)
      signal = `${target.signal}_${number}`;
    const key = container === undefined ? signal : `${signal} of container ${container}`;
    if (used.has(key)) leftOut.push(noEqual(`A second target of ${key} is left out: a rule has one.`));
    else targets.push({ ...target, signal });
    used.add(key);
  }
  return { rule: { ...rule, targets }, notes: [...notes, ...leftOut] };
}

/** Without what `kernscale check` would refuse: a part of the rule, or the rule where the fault is of no such part. */
function checked({ rule, notes }: Translation): Translation {
  if (!rule) return { notes };
  const known = Object.entries(rule).filter(([field]) => field !== 'targets' && field in ruleSchema.shape);
  const raw = Object.fromEntries(known);
  const findings = [...schemaFindings(ruleSchema, raw), ...checkRule(raw, [], [])];
  const faulty = new Map(findings.map(({ path, message }) => [String(path[0]), message]));
  const fatal = [...faulty].find(([field]) => !PARTS.includes(field));
  if (fatal) return lost(`${fatal[1]}.`);
  const sound = Object.entries(rule).filter(([field]) => !faulty.has(field));
  const leftOut = [...faulty].map(([field, message]) => noEqual(`${field} is left out: ${message}.`));
  return { rule: Object.fromEntries(sound) as unknown as RuleDraft, notes: [...notes, ...leftOut] };
}

function refuse({ manifest, name, namespace }: Imported, why: string): Imported {
  return { manifest, name, namespace, ...lost(why) };
}

function lost(text: string): Translation {
  return { notes: [noEqual(text)] };
}

/** The ScaledObject that an HPA was made for. */
function makerOf({ kind, value }: Manifest): string | undefined {
  if (kind !== 'HorizontalPodAutoscaler') return undefined;
  const owners = Fields.of(value).fields('metadata').list('ownerReferences');
  return owners.find((owner) => owner.string('kind') === 'ScaledObject')?.string('name');
}

/** What the autoscaler does and its rule does not. */
export function lostOf({ notes }: Translation): Note[] {
  return notes.filter(({ lost }) => lost);
}
