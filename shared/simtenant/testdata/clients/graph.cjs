// An offboarding by Microsoft's own JavaScript client, as an administrator would script it. It prints
// what it read, one JSON object.
const { ClientSecretCredential, ClientCertificateCredential } = require('@azure/identity');
const { Client, PageIterator } = require('@microsoft/microsoft-graph-client');
const { TokenCredentialAuthenticationProvider } = require('@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials');

const { TENANT, CLIENT, SECRET, CERTIFICATE, WHO, BOSS, SKU, GROUP, TEAM } = process.env;
const credential = CERTIFICATE
  ? new ClientCertificateCredential(TENANT, CLIENT, { certificatePath: CERTIFICATE })
  : new ClientSecretCredential(TENANT, CLIENT, SECRET);
const client = Client.initWithMiddleware({
  authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: ['https://graph.microsoft.com/.default'] }),
});
const eventual = (path) => client.api(path).header('ConsistencyLevel', 'eventual');

(async () => {
  const out = {};
  const me = await client.api(`/users/${WHO}`).select(['id', 'displayName', 'accountEnabled', 'city']).expand('manager($select=id,displayName)').get();
  out.manager = me.manager.id;
  const id = me.id;
  out.count = Number(await eventual('/users/$count').responseType('text').get());
  out.found = (await eventual('/users').search('"displayName:Ada"').select('id').get()).value.map((u) => u.id);
  out.ordered = (await client.api('/users').select('displayName').orderby('displayName desc').top(2).get()).value.map((u) => u.displayName);
  out.groups = (await client.api(`/users('${id}')/getMemberGroups`).post({ securityEnabledOnly: false })).value;
  out.cast = (await eventual(`/users/${id}/memberOf/microsoft.graph.group`).count(true).get())['@odata.count'];
  const devices = (await client.api(`/users/${id}/managedDevices`).get()).value;
  out.devices = devices.length;
  const roles = (await client.api('/roleManagement/directory/roleAssignments').filter(`principalId eq '${id}'`).get()).value;
  out.roles = roles.length;
  out.readers = (await client.api("/directoryRoles(roleTemplateId='88d8e3e3-8f55-4a1e-953a-9b9898b8876b')/members").get()).value.map((u) => u.id);
  out.owners = (await client.api(`/groups/${TEAM}/owners/microsoft.graph.user`).select('id').get()).value.map((u) => u.id);
  const byOne = { headers: { Prefer: 'odata.maxpagesize=1' } };
  const everybody = [];
  const pages = new PageIterator(client, await client.api('/users/delta').select('id').headers(byOne.headers).get(), (u) => everybody.push(u.id) > 0, byOne);
  await pages.iterate();
  out.everybody = everybody;
  const delta = pages.getDeltaLink();

  out.refused = [];
  for (const ask of [
    () => client.api('/users').filter("contains(displayName,'Ada')").get(),
    () => client.api('/users').filter("officeLocation eq 'HQ'").get(),
    () => client.api('/users').filter("accountEnabled eq 'false'").get(),
    () => client.api('/groups/Buyers').get(),
    () => client.api('/groups/delta').get(),
    () => client.api(`/users/${id}`).header('Content-Type', 'text/plain').patch('{"jobTitle":"Gone"}'),
    () => client.api(`/users/${id}`).patch({ jobTitle: '' }),
  ]) {
    await ask().then(() => out.refused.push('answered'), (e) => out.refused.push(`${e.statusCode} ${e.code}`));
  }
  await client.api(`/users/${id}`).patch({ accountEnabled: false });
  await client.api(`/users('${id}')/revokeSignInSessions`).post({});
  await client.api(`/users/${id}/mailboxSettings`).patch({ automaticRepliesSetting: { status: 'alwaysEnabled', internalReplyMessage: 'Gone', externalReplyMessage: 'Gone' } });
  await client.api(`/roleManagement/directory/roleAssignments/${roles[0].id}`).delete();
  await client.api(`/deviceManagement/managedDevices/${devices[0].id}/retire`).post({});
  await client.api(`/users/${BOSS}/manager/$ref`).put({ '@odata.id': `https://graph.microsoft.com/v1.0/users/${id}` });
  out.reports = (await client.api(`/users/${id}/directReports`).get()).value.map((u) => u.id);
  await client.api(`/users/${BOSS}/manager/$ref`).delete();
  await client.api(`/groups/${GROUP}/members/${id}/$ref`).delete();
  await client.api(`/groups/${GROUP}`).patch({ 'members@odata.bind': [`https://graph.microsoft.com/v1.0/directoryObjects/${BOSS}`] });
  await client.api(`/users/${id}/assignLicense`).post({ addLicenses: [], removeLicenses: [SKU] });
  out.batch = (await client.api('/$batch').post({ requests: [{ id: 1, method: 'GET', url: `/users/${id}?$select=accountEnabled` }, { id: 2, method: 'GET', url: `/users/${BOSS}/directReports` }] }))
    .responses.map((r) => `${r.id}:${r.status}`).sort();
  out.changed = (await client.api(delta).get()).value.map((u) => u.id);
  await client.api(`/users/${id}`).delete();
  out.deleted = (await client.api('/directory/deletedItems/microsoft.graph.user').get()).value.map((u) => u.id);
  try {
    await client.api(`/users/${BOSS}`).select('signInActivity').get();
  } catch (e) {
    out.notSimulated = `${e.statusCode} ${e.message}`;
  }
  try {
    await client.api(`/users/${BOSS}`).select('shoeSize').get();
  } catch (e) {
    out.noSuch = `${e.statusCode} ${e.message}`;
  }
  console.log(JSON.stringify(out));
})().catch((e) => { console.error(e); process.exit(1); });
