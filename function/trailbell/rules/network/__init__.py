"""Security groups, network ACLs, gateways, routes and VPCs: the ways in and out."""
