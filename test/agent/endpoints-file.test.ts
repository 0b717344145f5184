import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endpointOf } from '../../src/agent/endpoints-file.ts';
import { put, scratch } from '../support/scratch.ts';

it.each<[string, string | undefined, string | undefined, number]>([
  ['is not there', undefined, undefined, 0],
  ['names one', '{"autoscaling":"https://as.example:8443/x"}', 'https://as.example:8443/x', 0],
  ['names others', '{"ec2":"https://ec2.example/"}', undefined, 0],
  ['names what is none', '{"autoscaling":"as.example"}', undefined, 1],
  ['names a file', '{"autoscaling":"file:///etc/shadow"}', undefined, 1],
  ['names a password', '{"autoscaling":"https://me:secret@as.example/"}', undefined, 1],
  ['names a number', '{"autoscaling":1}', undefined, 1],
  ['is torn', '{"autoscal', undefined, 1],
  ['is a list', '[]', undefined, 0],
])('a file of endpoints that %s', async (_, text, expected, warnings) => {
  const said: string[] = [];
  const path = join(scratch(), 'endpoints.json');
  if (text !== undefined) put(path, text);
  expect(await endpointOf(path, 'autoscaling', { warn: (words) => said.push(words) })).toBe(expected);
  expect(said).toHaveLength(warnings);
  expect(said.join()).not.toContain('secret');
});
