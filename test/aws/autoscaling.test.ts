import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AutoScaling, completeLifecycleAction } from '../../src/aws/autoscaling.ts';
import { canonicalRequest, signature } from '../../src/aws/sigv4.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { rejection } from '../support/readers.ts';
import { TEMPORARY_KEY } from '../support/s3.ts';
import { errorXml, freePort } from '../support/wire.ts';

const ACTION = { group: 'planet & friends', hook: 'good/bye', instanceId: 'i-0123456789abcdef0' };

/** Hears one request after the other, body and all, and says what it is told to. */
async function listening(say: (response: ServerResponse) => void) {
  const heard: { request: IncomingMessage; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      heard.push({ request, body });
      say(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, heard };
}

const complete = (at: AutoScaling) => completeLifecycleAction(at, ACTION, TEMPORARY_KEY, systemClock);

describe('CompleteLifecycleAction', () => {
  it.each(['/', '/services/AutoScaling'])('is one signed form to %s', async (path) => {
    const { url, heard } = await listening((response) => response.end('<CompleteLifecycleActionResponse/>'));
    await complete({ region: 'eu-west-1', url: url + path });
    expect(heard).toHaveLength(1);
    const { request, body } = heard[0]!;
    expect([request.method, request.url]).toEqual(['POST', path]);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      Action: 'CompleteLifecycleAction',
      Version: '2011-01-01',
      AutoScalingGroupName: 'planet & friends',
      LifecycleHookName: 'good/bye',
      LifecycleActionResult: 'CONTINUE',
      InstanceId: 'i-0123456789abcdef0',
    });
    const [, scope, names = '', signed] =
      /Credential=ASIAEXAMPLE\/(\S+), SignedHeaders=(\S+), Signature=(\S+)$/.exec(`${request.headers.authorization}`) ??
      [];
    expect(scope).toMatch(/^\d{8}\/eu-west-1\/autoscaling\/aws4_request$/);
    expect(names.split(';')).toEqual(['content-type', 'host', 'x-amz-date', 'x-amz-security-token']);
    const headers = request.headers as Record<string, string>;
    const text = canonicalRequest(
      { method: 'POST', path, query: [], headers, payloadHash: sha256(body) },
      names.split(';'),
    );
    const where = { region: 'eu-west-1', service: 'autoscaling' };
    expect(signature(text, headers['x-amz-date'] ?? '', where, TEMPORARY_KEY.secretAccessKey)).toBe(signed);
  });

  it.each([
    [403, 'AccessDenied', 'autoscaling:CompleteLifecycleAction'],
    [400, 'ValidationError', 'lifecycle-hook'],
    [500, 'InternalFailure', 'time of its hook'],
  ])('%i %s is an error with what to do', async (status, code, hint) => {
    const { url, heard } = await listening((response) => response.writeHead(status).end(errorXml(code)));
    const error = await rejection(complete({ region: 'eu-west-1', url }));
    expect(error).toMatchObject({ code: `autoscaling-${code}`, subject: 'planet & friends/good/bye' });
    expect(error).toMatchObject({ hint: expect.stringContaining(hint) });
    expect([heard.length, JSON.stringify(error)]).toEqual([
      1,
      expect.not.stringContaining(TEMPORARY_KEY.secretAccessKey),
    ]);
  });

  it('nobody is there', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await rejection(complete({ region: 'eu-west-1', url }))).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
