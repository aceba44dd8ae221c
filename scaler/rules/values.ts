import { z } from 'zod';
import { INT32_MAX } from '../core/int.js';

/** Kinds of single values in rule files. A schema's `error` is what the value must be. */

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Prometheus duration, largest unit first, with at least one unit: 90s, 5m, 1h30m. */
const DURATION = /^(?!$)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;
/** Kubernetes quantity that is not negative. */
const QUANTITY = /^(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;

/** Name of an object, apiVersion and kind in Kubernetes; empty ones are reported as such. */
const OBJECT_NAME = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/;
const API_VERSION = /^([-a-z0-9.]+\/)?[a-z0-9]*$/;
const KIND = /^([a-zA-Z][a-zA-Z0-9]*)?$/;
/** Text that people read, in metrics, logs and URLs. */
const TITLE = /^([^\u0000-\u0020\u007f]([^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f])?)?$/;

/** Name of a container: a DNS label. */
const CONTAINER = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const objectNameError = 'a name of Kubernetes: lower-case letters, digits, - and .';
const titleError = 'text without control characters or spaces around it';
const containerError = 'the name of a container';
const nameError = 'a name of letters, digits and underscores';
const durationError = 'a duration such as 90s, 5m or 1h30m';
const quantityError = 'a number from 0 on or a quantity such as 500m';

export const text = z.string().min(1);
export const duration = z
  .string({ error: durationError })
  .regex(DURATION, durationError)
  .meta({ title: 'duration' });
export const objectName = text.regex(OBJECT_NAME, objectNameError);
export const containerName = z.string({ error: containerError }).regex(CONTAINER, containerError);
export const title = text.regex(TITLE, titleError);
export const identifier = z.string({ error: nameError }).regex(NAME, nameError).meta({ title: 'name' });
export const positive = z.int().min(1).max(INT32_MAX);
export const quantity = z
  .union([z.number().min(0), z.string().regex(QUANTITY, quantityError)], { error: quantityError })
  .meta({ title: 'quantity' });
export const strings = z.record(z.string(), z.string());

export const apiVersion = text
  .regex(API_VERSION, 'an apiVersion of Kubernetes, such as apps/v1')
  .exactOptional()
  .meta({ description: 'Default apps/v1; required for kinds other than Deployment and StatefulSet' });

export const kind = text
  .regex(KIND, 'a kind of Kubernetes, such as Deployment')
  .meta({ description: 'Kind of the workload, with a scale subresource, such as Deployment' });
