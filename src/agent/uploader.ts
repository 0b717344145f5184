import { carryOutUpload, type UploadOrder } from './upload-order.ts';

/** The program that writes to the bucket: a file of its own, made from the agent when it is first needed (uploader-file.ts). */
let text = '';
for await (const chunk of process.stdin) text += chunk;
process.exitCode = await carryOutUpload(JSON.parse(text) as UploadOrder);
