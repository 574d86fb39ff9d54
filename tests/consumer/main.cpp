// The least that a program outside of the repository does with an installed penstock.
#include <penstock/penstock.hpp>

#include <iostream>

int main() { std::cout << "penstock " << penstock::version() << '\n'; }
