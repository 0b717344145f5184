// No test may see this machine's own cloud settings: credentials, endpoints or certificate bundles of the person who runs it.
for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
delete process.env['NODE_EXTRA_CA_CERTS'];
// The SDK's yearly reminder is no word of ours.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
