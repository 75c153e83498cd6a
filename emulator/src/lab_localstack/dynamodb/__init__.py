"""DynamoDB on moto: no Java, no download."""
