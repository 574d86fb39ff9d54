// Of penstock_component: a program that holds one component whole, to see whether it links.
int main() {}
