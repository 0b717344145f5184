import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { Ec2 } from '../../src/aws/ec2.ts';
import { rejection } from '../support/readers.ts';
import { startWire } from '../support/wire.ts';

const WISH = { token: 'one', count: 1, like: { imageId: 'ami-1' }, userData: undefined, tags: {} };

beforeAll(() => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIAEXAMPLE';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
});
afterAll(() => {
  delete process.env['AWS_ACCESS_KEY_ID'];
  delete process.env['AWS_SECRET_ACCESS_KEY'];
});

type Answer = (response: ServerResponse) => void;

const refusal =
  (status: number, code: string, message = ''): Answer =>
  (response) => {
    const body = `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`;
    response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
  };
const cut: Answer = (response) => response.destroy();

/** What RunInstances is rejected with where the service answers so, and so ever after. */
async function trouble(...answers: Answer[]): Promise<unknown> {
  let tries = 0;
  const { url } = await startWire((response) => answers[Math.min(tries++, answers.length - 1)]!(response));
  return await troubleAt(url);
}

async function troubleAt(url: string): Promise<unknown> {
  const ec2 = new Ec2({ url, region: 'us-east-1' });
  onTestFinished(() => ec2.close());
  return await rejection(ec2.run(WISH));
}

it.each([
  ['what is wrong with the call', [refusal(400, 'InvalidAMIID.NotFound')], 'ec2-InvalidAMIID.NotFound'],
  ['keys that may not', [refusal(403, 'UnauthorizedOperation')], 'ec2-UnauthorizedOperation'],
  [
    'no room, with the status of a failure',
    [refusal(500, 'InsufficientInstanceCapacity')],
    'ec2-InsufficientInstanceCapacity',
  ],
  ['too many calls', [refusal(503, 'RequestLimitExceeded')], 'ec2-RequestLimitExceeded'],
])('a refusal is one: %s', async (_, answers, code) => {
  expect(await trouble(...answers)).toMatchObject({ code, reason: `RunInstances was refused: ${code.slice(4)}` });
});

it('nobody there is no launch', async () => {
  expect(await troubleAt('http://127.0.0.1:1')).toMatchObject({
    code: 'ec2-ECONNREFUSED',
    reason: 'RunInstances got no answer (ECONNREFUSED)',
  });
});

it.each([
  ['an answer that is lost', [cut]],
  ['a failure of the service', [refusal(500, 'InternalError')]],
  ['an answer that is lost, and a refusal of the try after it', [cut, refusal(401, 'AuthFailure')]],
])('is in doubt after %s', async (_, answers) => {
  expect(await trouble(...answers)).toMatchObject({
    code: 'launch-in-doubt',
    subject: 'one',
    hint: expect.stringContaining('run the same command again'),
  });
});

it('is in doubt where nobody ever answers: each try has its time, and there are five', async () => {
  const { url, asked } = await startWire(() => undefined);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let found: unknown;
  void troubleAt(url).then((error) => {
    found = error;
  });
  for (let seconds = 0; seconds < 300 && !found; seconds++) {
    await vi.advanceTimersByTimeAsync(1_000);
    await pause(5); // the wire's own time
  }
  expect(found).toMatchObject({ code: 'launch-in-doubt', reason: expect.stringContaining('TimeoutError') });
  expect(asked).toHaveLength(5);
});

it('what EC2 does not know is looked for in the words of the launch, not in its keys; its parameter is named, its value is not', async () => {
  const message = 'Value (planett) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name';
  expect(await trouble(refusal(400, 'InvalidParameterValue', message))).toMatchObject({
    reason: 'RunInstances was refused: InvalidParameterValue (iamInstanceProfile.name)',
    hint: expect.stringMatching(/^check what names it, and --region/),
  });
  const unknown = refusal(400, 'InvalidAMIID.NotFound', "The image id '[ami-1]' does not exist");
  expect(await trouble(unknown)).toMatchObject({
    reason: 'RunInstances was refused: InvalidAMIID.NotFound',
    hint: expect.stringMatching(/^check what names it, and --region/),
  });
});
