/** metav1.Status, the response in place of an object. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason: string; message: string; field?: string }[];
  retryAfterSeconds?: number;
}

const REASONS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** A failure that the API reports with an HTTP code and a Status body; `reason` defaults to that of the code. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly code: number,
    message: string,
    readonly reason: string = REASONS[code] ?? 'Unknown',
    readonly details: StatusDetails = {},
  ) {
    super(message);
  }

  get status(): Status {
    const { code, message, reason, details } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      details,
      code,
    };
  }
}

/** The object that an error names: `deployments.apps "web"`. */
export interface Target {
  group: string;
  resource: string;
  name: string;
}

function quoted({ group, resource, name }: Target): string {
  return `${qualified(group, resource)} "${name}"`;
}

/** `pods`, or `deployments.apps` outside the core group. */
function qualified(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function detailsOf({ group, resource, name }: Target): StatusDetails {
  return { name, ...(group !== '' && { group }), kind: resource };
}

export function notFound(target: Target): ApiError {
  return new ApiError(404, `${quoted(target)} not found`, 'NotFound', detailsOf(target));
}

export function alreadyExists(target: Target): ApiError {
  return new ApiError(409, `${quoted(target)} already exists`, 'AlreadyExists', detailsOf(target));
}

export function conflict(target: Target): ApiError {
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${quoted(target)}: ${why}`;
  return new ApiError(409, message, 'Conflict', detailsOf(target));
}

export function expired(message: string): ApiError {
  return new ApiError(410, message, 'Expired');
}

/** 422 with one cause per field, in the form that kubectl prints. */
export function invalid(target: Target, fields: { field: string; message: string }[]): ApiError {
  const causes = fields.map(({ field, message }) => ({ reason: 'FieldValueInvalid', message, field }));
  const list = fields.map(({ field, message }) => `${field}: ${message}`);
  const text = list.length === 1 ? list[0]! : `[${list.join(', ')}]`;
  return new ApiError(422, `${quoted(target)} is invalid: ${text}`, 'Invalid', {
    ...detailsOf(target),
    causes,
  });
}
