package simtenant

import (
	"slices"
	"strings"
)

// documented are the structural properties of types of Graph v1.0, simulated or not. They are taken
// from Microsoft's own metadata (microsoftgraph/msgraph-metadata, schemas/v1.0-Prod.csdl, 2026-08).
var documented = map[string][]string{
	"user": strings.Fields(`
		aboutMe accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo birthday
		businessPhones city companyName consentProvidedForMinor country createdDateTime
		creationType customSecurityAttributes deletedDateTime department deviceEnrollmentLimit
		displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType
		externalUserState externalUserStateChangeDateTime faxNumber givenName hireDate id
		identities identityParentId imAddresses interests isManagementRestricted isResourceAccount
		jobTitle lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates
		mail mailNickname mailboxSettings mobilePhone mySite officeLocation
		onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes
		onPremisesImmutableId onPremisesLastSyncDateTime onPremisesProvisioningErrors
		onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
		onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile pastProjects
		postalCode preferredDataLocation preferredLanguage preferredName print provisionedPlans
		proxyAddresses responsibilities schools securityIdentifier serviceProvisioningErrors
		showInAddressList signInActivity signInSessionsValidFromDateTime skills state
		streetAddress surname usageLocation userPrincipalName userType`),
	"group": strings.Fields(`
		accessType allowExternalSenders assignedLabels assignedLicenses autoSubscribeNewMembers
		classification createdDateTime deletedDateTime description displayName expirationDateTime
		groupTypes hasMembersWithLicenseErrors hideFromAddressLists hideFromOutlookClients id
		infoCatalogs isArchived isAssignableToRole isFavorite isManagementRestricted
		isSubscribedByMail licenseProcessingState mail mailEnabled mailNickname membershipRule
		membershipRuleProcessingState onPremisesDomainName onPremisesExtensionAttributes
		onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesProvisioningErrors
		onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled organizationId
		preferredDataLocation preferredLanguage proxyAddresses renewedDateTime
		resourceBehaviorOptions resourceProvisioningOptions securityEnabled securityIdentifier
		serviceProvisioningErrors theme uniqueName unseenConversationsCount unseenCount
		unseenMessagesCount visibility welcomeMessageEnabled`),
	"device": strings.Fields(`
		accountEnabled alternativeSecurityIds approximateLastSignInDateTime
		complianceExpirationDateTime deletedDateTime deviceCategory deviceId deviceMetadata
		deviceOwnership deviceVersion displayName enrollmentProfileName enrollmentType id
		isCompliant isManaged isManagementRestricted isRooted managementType manufacturer mdmAppId
		model onPremisesLastSyncDateTime onPremisesSecurityIdentifier onPremisesSyncEnabled
		operatingSystem operatingSystemVersion physicalIds profileType registrationDateTime
		systemLabels trustType`),
	"managedDevice": strings.Fields(`
		activationLockBypassCode androidSecurityPatchLevel azureADDeviceId azureADRegistered
		complianceGracePeriodExpirationDateTime complianceState
		configurationManagerClientEnabledFeatures deviceActionResults deviceCategoryDisplayName
		deviceEnrollmentType deviceHealthAttestationState deviceName deviceRegistrationState
		easActivated easActivationDateTime easDeviceId emailAddress enrolledDateTime
		enrollmentProfileName ethernetMacAddress exchangeAccessState exchangeAccessStateReason
		exchangeLastSuccessfulSyncDateTime freeStorageSpaceInBytes iccid id imei isEncrypted
		isSupervised jailBroken lastSyncDateTime managedDeviceName managedDeviceOwnerType
		managementAgent managementCertificateExpirationDate managementState manufacturer meid
		model notes operatingSystem osVersion partnerReportedThreatState phoneNumber
		physicalMemoryInBytes remoteAssistanceSessionErrorDetails remoteAssistanceSessionUrl
		requireUserEnrollmentApproval serialNumber subscriberCarrier totalStorageSpaceInBytes udid
		userDisplayName userId userPrincipalName wiFiMacAddress`),
	"driveItem": strings.Fields(`
		audio bundle cTag content createdBy createdDateTime deleted description eTag file
		fileSystemInfo folder id image lastModifiedBy lastModifiedDateTime location malware name
		package parentReference pendingOperations photo publication remoteItem root searchResult
		shared sharepointIds size specialFolder video webDavUrl webUrl`),
	"drive": strings.Fields(`
		createdBy createdDateTime description driveType eTag id lastModifiedBy
		lastModifiedDateTime name owner parentReference quota sharePointIds system webUrl`),
	"organization": strings.Fields(`
		assignedPlans businessPhones city country countryLetterCode createdDateTime
		defaultUsageLocation deletedDateTime displayName id marketingNotificationEmails
		mobileDeviceManagementAuthority onPremisesLastSyncDateTime onPremisesSyncEnabled
		partnerTenantType postalCode preferredLanguage privacyProfile provisionedPlans
		securityComplianceNotificationMails securityComplianceNotificationPhones state street
		technicalNotificationMails tenantType verifiedDomains`),
	"application": strings.Fields(`
		addIns api appId appRoles applicationTemplateId authenticationBehaviors certification
		createdByAppId createdDateTime defaultRedirectUri deletedDateTime description
		disabledByMicrosoftStatus displayName groupMembershipClaims id identifierUris info
		isDeviceOnlyAuthSupported isDisabled isFallbackPublicClient keyCredentials logo
		managerApplications nativeAuthenticationApisEnabled notes oauth2RequirePostResponse
		optionalClaims parentalControlSettings passwordCredentials publicClient publisherDomain
		requestSignatureVerification requiredResourceAccess samlMetadataUrl
		serviceManagementReference servicePrincipalLockConfiguration signInAudience spa tags
		tokenEncryptionKeyId uniqueName verifiedPublisher web`),
	"servicePrincipal": strings.Fields(`
		accountEnabled addIns alternativeNames appDescription appDisplayName appId
		appOwnerOrganizationId appRoleAssignmentRequired appRoles applicationTemplateId
		createdByAppId customSecurityAttributes deletedDateTime description
		disabledByMicrosoftStatus displayName homepage id info isDisabled keyCredentials loginUrl
		logoutUrl notes notificationEmailAddresses oauth2PermissionScopes passwordCredentials
		preferredSingleSignOnMode preferredTokenSigningKeyThumbprint replyUrls
		resourceSpecificApplicationPermissions samlSingleSignOnSettings servicePrincipalNames
		servicePrincipalType signInAudience tags tokenEncryptionKeyId verifiedPublisher`),
	"directoryRole": strings.Fields(`
		deletedDateTime description displayName id roleTemplateId`),
	"conditionalAccessPolicy": strings.Fields(`
		conditions createdDateTime deletedDateTime description displayName grantControls id
		modifiedDateTime sessionControls state templateId`),
	"administrativeUnit": strings.Fields(`
		deletedDateTime description displayName id isMemberManagementRestricted membershipRule
		membershipRuleProcessingState membershipType visibility`),
	"subscribedSku": strings.Fields(`
		accountId accountName appliesTo capabilityStatus consumedUnits id prepaidUnits
		servicePlans skuId skuPartNumber subscriptionIds`),
	"mailboxSettings": strings.Fields(`
		archiveFolder automaticRepliesSetting dateFormat delegateMeetingMessageDeliveryOptions
		language timeFormat timeZone userPurpose workingHours`),
	"event": strings.Fields(`
		allowNewTimeProposals attendees body bodyPreview cancelledOccurrences categories changeKey
		createdDateTime end hasAttachments hideAttendees iCalUId id importance isAllDay
		isCancelled isDraft isOnlineMeeting isOrganizer isReminderOn lastModifiedDateTime location
		locations onlineMeeting onlineMeetingProvider onlineMeetingUrl organizer
		originalEndTimeZone originalStart originalStartTimeZone recurrence
		reminderMinutesBeforeStart responseRequested responseStatus sensitivity seriesMasterId
		showAs start subject transactionId type webLink`),
	"calendar": strings.Fields(`
		allowedOnlineMeetingProviders canEdit canShare canViewPrivateItems changeKey color
		defaultOnlineMeetingProvider hexColor id isDefaultCalendar isRemovable isTallyingResponses
		name owner`),
	"managedAppRegistration": strings.Fields(`
		appIdentifier applicationVersion createdDateTime deviceName deviceTag deviceType
		flaggedReasons id lastSyncDateTime managementSdkVersion platformVersion userId version`),
	"unifiedRoleAssignment": strings.Fields(`
		appScopeId condition directoryScopeId id principalId principalOrganizationId
		roleDefinitionId`),
	"unifiedRoleDefinition": strings.Fields(`
		description displayName id isBuiltIn isEnabled resourceScopes rolePermissions templateId
		version`),
	"licenseDetails": strings.Fields(`
		id servicePlans skuId skuPartNumber`),
	"messageRule": strings.Fields(`
		actions conditions displayName exceptions hasError id isEnabled isReadOnly sequence`),
	"directoryAudit": strings.Fields(`
		activityDateTime activityDisplayName additionalDetails category correlationId id
		initiatedBy loggedByService operationType result resultReason targetResources`),
	"unifiedRoleEligibilitySchedule": strings.Fields(`
		appScopeId createdDateTime createdUsing directoryScopeId id memberType modifiedDateTime
		principalId roleDefinitionId scheduleInfo status`),
	"oAuth2PermissionGrant": strings.Fields(`
		clientId consentType id principalId resourceId scope`),
	"appRoleAssignment": strings.Fields(`
		appRoleId createdDateTime deletedDateTime id principalDisplayName principalId
		principalType resourceDisplayName resourceId`),
	"authenticationMethod": strings.Fields(`
		createdDateTime id`),
	"driveItemVersion": strings.Fields(`
		content id lastModifiedBy lastModifiedDateTime publication size`),
	"windowsAutopilotDeviceIdentity": strings.Fields(`
		addressableUserName azureActiveDirectoryDeviceId displayName enrollmentState groupTag id
		lastContactedDateTime managedDeviceId manufacturer model productKey
		purchaseOrderIdentifier resourceName serialNumber skuNumber systemFamily userPrincipalName`),
}

// navigation are their properties that lead to other objects, from the same metadata.
var navigation = map[string][]string{
	"user": strings.Fields(`
		activities adhocCalls agreementAcceptances appRoleAssignments authentication calendar
		calendarGroups calendars calendarView chats cloudClipboard cloudPCs contactFolders
		contacts createdObjects dataSecurityAndGovernance deviceManagementTroubleshootingEvents
		directReports drive drives employeeExperience events extensions followedSites
		inferenceClassification insights joinedTeams licenseDetails mailFolders
		managedAppRegistrations managedDevices manager memberOf messages oauth2PermissionGrants
		onenote onlineMeetings onPremisesSyncBehavior outlook ownedDevices ownedObjects people
		permissionGrants photo photos planner presence registeredDevices scopedRoleMemberOf
		settings solutions sponsorOf sponsors teamwork todo transitiveMemberOf`),
	"group": strings.Fields(`
		acceptedSenders appRoleAssignments calendar calendarView conversations createdOnBehalfOf
		drive drives events extensions groupLifecyclePolicies memberOf members
		membersWithLicenseErrors onenote onPremisesSyncBehavior owners permissionGrants photo
		photos planner rejectedSenders settings sites team threads transitiveMemberOf
		transitiveMembers`),
	"device": strings.Fields(`
		extensions memberOf registeredOwners registeredUsers transitiveMemberOf`),
	"managedDevice": strings.Fields(`
		deviceCategory deviceCompliancePolicyStates deviceConfigurationStates
		logCollectionRequests users windowsProtectionState`),
	"driveItem": strings.Fields(`
		analytics children createdByUser lastModifiedByUser listItem permissions retentionLabel
		subscriptions thumbnails versions workbook`),
	"drive": strings.Fields(`
		bundles createdByUser following items lastModifiedByUser list root special`),
	"organization": strings.Fields(`
		branding certificateBasedAuthConfiguration extensions`),
	"application": strings.Fields(`
		appManagementPolicies createdOnBehalfOf extensionProperties federatedIdentityCredentials
		homeRealmDiscoveryPolicies owners synchronization tokenIssuancePolicies
		tokenLifetimePolicies`),
	"servicePrincipal": strings.Fields(`
		appManagementPolicies appRoleAssignedTo appRoleAssignments claimsMappingPolicies
		createdObjects delegatedPermissionClassifications endpoints federatedIdentityCredentials
		homeRealmDiscoveryPolicies memberOf oauth2PermissionGrants ownedObjects owners
		remoteDesktopSecurityConfiguration synchronization tokenIssuancePolicies
		tokenLifetimePolicies transitiveMemberOf`),
	"directoryRole": strings.Fields(`
		members scopedMembers`),
	"administrativeUnit": strings.Fields(`
		extensions members scopedRoleMembers`),
	"event": strings.Fields(`
		attachments calendar exceptionOccurrences extensions instances
		multiValueExtendedProperties singleValueExtendedProperties`),
	"calendar": strings.Fields(`
		calendarPermissions calendarView events multiValueExtendedProperties
		singleValueExtendedProperties`),
	"managedAppRegistration": strings.Fields(`
		appliedPolicies intendedPolicies operations`),
	"unifiedRoleAssignment": strings.Fields(`
		appScope directoryScope principal roleDefinition`),
	"unifiedRoleDefinition": strings.Fields(`
		inheritsPermissionsFrom`),
	"unifiedRoleEligibilitySchedule": strings.Fields(`
		appScope directoryScope principal roleDefinition`),
}

// typed are the properties that are no plain text, by their type, from the same metadata; one that is a text elsewhere
// has its own type's name before it.
var typed = map[string]string{}

func init() {
	for edm, names := range map[string]string{
		"Edm.Boolean": `
			accountEnabled allowExternalSenders allowNewTimeProposals appRoleAssignmentRequired
			autoSubscribeNewMembers azureADRegistered canEdit canShare canViewPrivateItems
			easActivated hasAttachments hasError hasMembersWithLicenseErrors hideAttendees
			hideFromAddressLists hideFromOutlookClients isAllDay isArchived isAssignableToRole
			isBuiltIn isCancelled isCompliant isDefaultCalendar isDeviceOnlyAuthSupported isDisabled
			isDraft isEnabled isEncrypted isFallbackPublicClient isFavorite isManaged
			isManagementRestricted isMemberManagementRestricted isOnlineMeeting isOrganizer isReadOnly
			isReminderOn isRemovable isResourceAccount isRooted isSubscribedByMail isSupervised
			isTallyingResponses mailEnabled oauth2RequirePostResponse onPremisesSyncEnabled
			requireUserEnrollmentApproval responseRequested securityEnabled showInAddressList
			welcomeMessageEnabled`,
		"Edm.Guid": `
			appOwnerOrganizationId appRoleAssignment.principalId appRoleAssignment.resourceId
			appRoleId servicePlanId skuId tokenEncryptionKeyId`,
		"Edm.DateTimeOffset": `
			activityDateTime approximateLastSignInDateTime assignedDateTime birthday
			complianceExpirationDateTime complianceGracePeriodExpirationDateTime createdDateTime
			deletedDateTime easActivationDateTime employeeHireDate employeeLeaveDateTime
			enrolledDateTime exchangeLastSuccessfulSyncDateTime expirationDateTime
			externalUserStateChangeDateTime hireDate lastContactedDateTime lastModifiedDateTime
			lastPasswordChangeDateTime lastSyncDateTime lastUpdatedDateTime
			managementCertificateExpirationDate modifiedDateTime onPremisesLastSyncDateTime
			originalStart registrationDateTime renewedDateTime signInSessionsValidFromDateTime`,
		"Edm.Int32": `
			consumedUnits deviceEnrollmentLimit deviceVersion reminderMinutesBeforeStart sequence
			unseenConversationsCount unseenCount unseenMessagesCount`,
		"Edm.Int64": `
			freeStorageSpaceInBytes physicalMemoryInBytes remaining size total
			totalStorageSpaceInBytes used`,
		"Collection(Edm.String)": `
			alternativeNames businessPhones cancelledOccurrences categories groupTypes identifierUris
			imAddresses infoCatalogs interests marketingNotificationEmails notificationEmailAddresses
			otherMails pastProjects physicalIds proxyAddresses replyUrls resourceBehaviorOptions
			resourceProvisioningOptions resourceScopes responsibilities schools
			securityComplianceNotificationMails securityComplianceNotificationPhones
			servicePrincipalNames skills subscriptionIds systemLabels tags technicalNotificationMails`,
	} {
		for name := range strings.FieldsSeq(names) {
			typed[strings.ToLower(name)] = edm
		}
	}
}

// isDocumented says that a type of Graph has a property, simulated or not.
func isDocumented(typ, name string) bool {
	is := func(known string) bool { return strings.EqualFold(known, name) }
	return slices.ContainsFunc(documented[typ], is) || slices.ContainsFunc(navigation[typ], is)
}
