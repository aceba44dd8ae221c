import { writeFile } from 'node:fs/promises';
import { CUSTOM_RESOURCE_PATH, renderCustomResource } from './custom-resource.js';
import { JSON_SCHEMA_PATH, renderJsonSchema } from './json-schema.js';

await writeFile(JSON_SCHEMA_PATH, renderJsonSchema());
await writeFile(CUSTOM_RESOURCE_PATH, renderCustomResource());
