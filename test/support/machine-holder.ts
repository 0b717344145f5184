import { MachineRoom } from '../../src/cloud/machine/room.ts';
import { lineLog } from '../../src/lib/log.ts';
import { described } from './described.ts';

// A process that holds a room with one instance until it is killed. Arguments: gateway script, run root, user-data.
const [gatewayScript = '', runRoot = '', userData = ''] = process.argv.slice(2);
const log = lineLog((line) => process.stderr.write(line));
const room = await MachineRoom.open({ gatewayScript, runRoot, log });
const cable = room.allocate();
const ended = new Promise((resolve) => {
  room
    .launch(() => described(cable, { userData: Buffer.from(userData) }), {
      onConsole: (line) => process.stdout.write(`console ${line}\n`),
      onUserData: resolve,
    })
    .then((machine) => process.stdout.write(`pids ${process.pid} ${room.gatewayPid} ${machine.pid}\n`));
});
await ended;
process.stdout.write('user-data ended\n');
setInterval(() => undefined, 60_000);
